# pg_upgrade from an older major: events, rotation, registrations and privileges are as they were, the catalogs are
# those of a fresh install, and it goes on.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Outbox;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old_server = $ENV{OLD_SERVER};
plan skip_all => 'no older server: OLD_PG_CONFIG is not set' unless $old_server;

# Both alike in what pg_upgrade compares.
my %init = (extra => [ '--encoding', 'UTF8', '--locale', 'C' ]);
my $old = make_server('old', new => { install_path => $old_server }, init => \%init);
my $new = make_server('new', init => \%init);
$old->append_conf('postgresql.conf', "pg_outbox.rotation_interval = 0\n");
$new->append_conf('postgresql.conf', "pg_outbox.rotation_interval = 0\n");
$old->start;
$old->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_outbox;
	SELECT outbox.emit('order', '1', 'created', '{"z": 1.50,  "a":2}');
	SELECT outbox.emit('order', '1', 'changed', '\x00ff'::bytea, '{"tenant": "north"}');
	SELECT outbox.maintain();
	SELECT outbox.emit('order', '1', 'deleted', NULL);
	INSERT INTO outbox.relay (slot_name, publication, source_id, state, mark_lsn) VALUES ('s', 'p', 's', 'ready', '0/1');
	INSERT INTO outbox.topic (slot_name, topic, partitions) VALUES ('s', 'outbox.event.order', 3);
	CREATE ROLE app;
	GRANT USAGE ON SCHEMA outbox TO app;
	GRANT EXECUTE ON FUNCTION outbox.emit(text, text, text, json, jsonb, uuid) TO app;});

my %what = (
	events => 'SELECT * FROM outbox.event ORDER BY id',
	# 19 prints positions with leading zeros.
	relays => q{SELECT to_jsonb(r) - 'mark_lsn', mark_lsn - '0/0' FROM outbox.relay AS r},
	topics => 'SELECT * FROM outbox.topic',
	rotation => 'SELECT * FROM outbox.rotation',
	partitions => 'SELECT * FROM outbox.partition ORDER BY rot');
my %before = map { $_ => $old->safe_psql('postgres', $what{$_}) } keys %what;
$old->stop;

my $directory = PostgreSQL::Test::Utils::tempdir_short();
chdir $directory or die;
command_ok(
	[
		'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', "$old_server/bin",
		'-B', $new->config_data('--bindir'), '-s', $directory, '-p', $old->port, '-P', $new->port
	],
	'pg_upgrade');
$new->start;

is($new->safe_psql('postgres', $what{$_}), $before{$_}, "$_ are as they were") foreach sort keys %what;
rotation_is_sound($new, 'upgraded');

$new->safe_psql('postgres', q{REVOKE ALL ON FUNCTION outbox.emit(text, text, text, json, jsonb, uuid) FROM app; REVOKE ALL ON SCHEMA outbox FROM app})
  if ok( $new->safe_psql('postgres', q{SET ROLE app; SELECT outbox.emit('order', '2', 'created', '{}'::json) IS NOT NULL}) eq 't',
	'the grants too');

# What the catalogs say, against a fresh install: but for the rows and for what a REVOKE leaves behind.
$new->safe_psql('postgres', 'CREATE DATABASE fresh TEMPLATE template0');
$new->safe_psql('fresh', 'CREATE EXTENSION pg_outbox');
my %catalog;
foreach my $database ('postgres', 'fresh')
{
	my ($status, $out, $err) = $new->psql($database, slurp_file("$FindBin::Bin/catalog.sql"), on_error_die => 1);
	$catalog{$database} = join "\n", grep { !/\| rows \|/ && !/^schema \| outbox \| owner/ } split /\n/, $out;
}
is($catalog{postgres}, $catalog{fresh}, 'the catalogs are those of a fresh install');

like($new->safe_psql('postgres', 'SELECT outbox.maintain()'), qr/closed 0/, 'the rotation goes on');
is($new->safe_psql('postgres', q{SELECT count(*) FROM outbox.event}), '4', 'and nothing is lost');

done_testing();
