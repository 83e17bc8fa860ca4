package Outbox;

# What the tests of test/tap share: a server that can be decoded, and questions about the rotation.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Exporter 'import';
our @EXPORT = qw(make_server rotation_is_sound rotate);

# make_server(NAME, new => {...}, init => {...}): initialised, not started
sub make_server
{
	my ($name, %how) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, %{ $how{new} || {} });
	$node->init(allows_streaming => 'logical', %{ $how{init} || {} });
	$node->append_conf('postgresql.conf', "timezone = 'UTC'\n");
	return $node;
}

# One partition is written to, and it is the one that every session writes to.
sub rotation_is_sound
{
	my ($node, $when) = @_;
	is( $node->safe_psql(
			'postgres', q{
			SELECT (SELECT count(*) FROM outbox.rotation) = 1
			   AND (SELECT array_agg(rot) FROM outbox.partition WHERE state = 'current') = (SELECT array_agg(current) FROM outbox.rotation)
			   AND outbox.current_partition() = (SELECT current FROM outbox.rotation)}),
		't',
		"$when: one partition is current, and it is the one that is written to");
	return;
}

# What outbox.maintain() says when every partition is due.
sub rotate
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q{SELECT outbox.uuid7() IS NULL; SET pg_outbox.rotation_interval = 0; SELECT outbox.maintain()})
	  =~ s/^f\n//r;
}

1;
