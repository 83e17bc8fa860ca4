# kill -9 of the server while events are written and the table rotates: what was committed is there once, in the
# table and in the slot, and the rotation goes on.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use Outbox;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = make_server('crash');
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_outbox;
	CREATE TABLE written (n bigserial, id uuid, mode text);
	SELECT pg_create_logical_replication_slot('crash', 'test_decoding');
	INSERT INTO outbox.relay (slot_name, publication, source_id, state, mark_lsn) VALUES ('crash', 'p', 'crash', 'ready', 'FFFFFFFF/0');});
my $has_wal_mode = $node->safe_psql('postgres', q{SELECT outbox.uuid7() IS NULL; SELECT count(*) FROM pg_settings WHERE name = 'pg_outbox.storage'}) =~ /1$/;

# An event and its row, in one transaction; each hundredth time the table is rotated too.
my %script = (
	table => q{INSERT INTO written (id, mode) SELECT outbox.emit('order', '1', 'created', '{"n": 1}'::json), 'table';},
	wal => q{INSERT INTO written (id, mode) SELECT outbox.emit('order', '1', 'created', '{"n": 1}'::json), 'wal';},
	maintain => q{SELECT outbox.maintain();});
my $directory = PostgreSQL::Test::Utils::tempdir();
foreach my $name (keys %script)
{
	PostgreSQL::Test::Utils::append_to_file("$directory/$name.sql", "$script{$name}\n");
}
$node->append_conf('postgresql.conf', "pg_outbox.rotation_interval = 0\npg_outbox.retention = 0\n");
$node->restart;

my $crashes = 3;
foreach my $mode ('table', 'wal')
{
  SKIP:
	{
		skip 'pg_outbox.storage = wal is not there', 1 if $mode eq 'wal' && !$has_wal_mode;
		if ($mode eq 'wal')
		{
			$node->safe_psql('postgres', q{UPDATE outbox.relay SET wal_messages = true; ALTER DATABASE postgres SET pg_outbox.storage = wal});
		}
		crash_once($mode, $_) for 1 .. $crashes;
	}
}

# The postmaster and all its children, as a power cut does; they are gone afterwards, and with them the shared memory.
sub kill_all
{
	my @children = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	$node->kill9;
	kill 'KILL', @children;
	foreach my $tries (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return unless grep { kill 0, $_ } @children;
		select(undef, undef, undef, 0.1);
	}
	die 'processes of the server are left';
}

# Takes what the slot has.  A crash would set the slot back to what the last checkpoint wrote of it.
sub decode
{
	$node->safe_psql(
		'postgres', q{
		CREATE TABLE IF NOT EXISTS decoded (id text);
		INSERT INTO decoded
		SELECT substring(data FROM '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}')
		  FROM pg_logical_slot_get_changes('crash', NULL, NULL)
		 WHERE data ~ '^table outbox\.event_\d: INSERT' OR data ~ 'prefix: pg_outbox,';
		CHECKPOINT});
	return;
}

sub crash_once
{
	my ($mode, $number) = @_;
	my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM written');
	my ($out, $err) = ('', '');
	my $load = IPC::Run::start(
		[
			'pgbench', '-n', '-c', '4', '-t', '1000000', '-h', $node->host, '-p', $node->port,
			'-f', "$directory/$mode.sql\@99", '-f', "$directory/maintain.sql\@1", 'postgres'
		],
		'>', \$out, '2>', \$err);
	# Not before it has written something and turned once.
	$node->poll_query_until('postgres', "SELECT count(*) > $before + 500 FROM written") or die "no load: $err";
	kill_all();
	$load->finish;
	$node->start;
	my $name = "$mode, crash $number";
	rotation_is_sound($node, $name);

	# What was truncated is only in the slot; the slot has it all.
	decode();
	if ($mode eq 'wal')
	{
		# The frame has the id as 16 bytes; test_decoding prints what can be printed, so it is counted.
		is( $node->safe_psql('postgres', q{SELECT count(*) FROM decoded WHERE id IS NULL}),
			$node->safe_psql('postgres', q{SELECT count(*) FROM written WHERE mode = 'wal'}),
			"$name: as many messages as rows");
	}
	else
	{
		is( $node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT id) = count(*) FROM decoded}),
			$node->safe_psql('postgres', q{SELECT count(*), true FROM written}) ,
			"$name: as many events as rows, each once");
	}
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM written'), '>=', $before + 500, "$name: the load was on");
	# The partition that was being left is closed and goes, whatever virtual transactions had been written down.
	$node->safe_psql('postgres', q{
		WITH e AS (INSERT INTO outbox.event (aggregatetype) VALUES ('order') RETURNING id) INSERT INTO written (id, mode) SELECT id, 'table' FROM e});
	is( $node->poll_query_until('postgres', q{SELECT outbox.maintain() ~ 'rotated'}), 1, "$name: the rotation goes on");
}

decode();
is( $node->safe_psql(
		'postgres', q{SELECT count(*) FROM outbox.event AS e WHERE NOT EXISTS (SELECT FROM written AS w WHERE w.id = e.id)}),
	'0',
	'no event without its row');
is( $node->safe_psql('postgres', q{SELECT count(*) FROM written AS w WHERE mode = 'table' AND NOT EXISTS (SELECT FROM decoded AS d WHERE d.id = w.id::text)}),
	'0',
	'no row without its event');

done_testing();
