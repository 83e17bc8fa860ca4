# A standby, and what becomes of it when it is promoted: a session that was open meanwhile knows the rotation, ids
# rise, and events are refused before and taken after.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Outbox;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = make_server('primary');
$primary->append_conf('postgresql.conf', "pg_outbox.rotation_interval = 0\n");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION pg_outbox');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $first = $primary->safe_psql('postgres', q{SELECT outbox.emit('order', '1', 'created', '{}')});
$primary->wait_for_catchup($standby);

is($standby->safe_psql('postgres', 'SELECT id FROM outbox.event'), $first, 'events are there');
rotation_is_sound($standby, 'standby');

# Everything that would write says so, with an SQLSTATE that a driver knows.
foreach my $statement (
	q{SELECT outbox.emit('order', '1', 'created', '{}')},
	q{INSERT INTO outbox.event (aggregatetype) VALUES ('order')},
	q{SELECT outbox.heartbeat('s')})
{
	my ($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\n$statement");
	like($err, qr/ERROR:  25006/, "refused on a standby: $statement");
}
my ($status) = $standby->psql('postgres', 'SELECT outbox.maintain()', on_error_die => 0);
isnt($status, 0, 'a standby is not maintained');
like($standby->safe_psql('postgres', 'SELECT outbox.uuid7()'), qr/^[0-9a-f]{8}-[0-9a-f]{4}-7/, 'but ids can be had');

# A session that knows where events go, from before two rotations and the promotion.
my $session = $standby->background_psql('postgres');
is($session->query('SELECT outbox.current_partition()'), '0', 'an open session on the standby: partition 0');
my $session_id = $session->query('SELECT outbox.uuid7()');
like(rotate($primary), qr/rotated to 1/, 'the primary rotates');
$primary->wait_for_catchup($standby);
is($session->query('SELECT outbox.current_partition()'), '1', 'and the session on the standby has heard');
$primary->safe_psql('postgres', q{SELECT outbox.emit('order', '1', 'changed', '{}')});
like(rotate($primary), qr/rotated to 2/, 'the primary rotates again');
my $last = $primary->safe_psql('postgres', q{SELECT outbox.emit('order', '1', 'changed', '{}')});
$primary->wait_for_catchup($standby);
$primary->stop('immediate');
$standby->promote;

my $after = $session->query(q{SELECT outbox.emit('order', '1', 'changed', '{}')});
is($session->query("SELECT rot FROM outbox.event WHERE id = '$after'"), '2', 'after the promotion it writes to where the primary was');
cmp_ok($after, 'gt', $session_id, 'ids rise in that session');
cmp_ok($after, 'gt', $last, 'and are higher than the last one of the primary');
$session->quit;

rotation_is_sound($standby, 'promoted');
is( $standby->safe_psql('postgres', q{SELECT string_agg(rot::text, ' ' ORDER BY id) FROM outbox.event}),
	'0 1 2 2',
	'all events are there');

# The rotation goes on here: nothing was published, so nothing is truncated, and the third partition is full.
is($standby->safe_psql('postgres', 'SELECT outbox.maintain()') =~ /truncated/ ? 1 : 0, 0, 'nothing goes without a relay');
$standby->safe_psql(
	'postgres', q{
	INSERT INTO outbox.relay (slot_name, publication, source_id, state, mark_lsn) VALUES ('s', 'p', 's', 'ready', 'FFFFFFFF/0')});
$standby->append_conf('postgresql.conf', "pg_outbox.retention = 0\n");
$standby->reload;
ok($standby->poll_query_until('postgres', q{SELECT outbox.maintain() ~ 'rotated to 0'}), 'the promoted server rotates');
rotation_is_sound($standby, 'promoted and rotated');
$standby->safe_psql('postgres', q{SELECT outbox.emit('order', '1', 'changed', '{}')});
is($standby->safe_psql('postgres', q{SELECT count(*) FROM outbox.event_0}), '1', 'and writes to the new partition');

done_testing();
