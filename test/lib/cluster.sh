# shellcheck shell=bash
#
# cluster.sh: a private cluster for the runners of test/, sourced by them with "set -euo pipefail" on.
#
#	cluster_start NAME [SETTING...]   makes and starts it; SETTINGs are lines of postgresql.conf
#
# The server is the one of PG_CONFIG.  It runs in a temporary directory, on a socket, as an unprivileged
# user, and ends with the shell that sourced this, as do its files.  Afterwards there are
#
#	$work        the directory, which the server's user may write to
#	$bin         the server's programs
#	$pgxs        PGXS's root
#	as_server    an array: the words that run a command as the server's user
#	outbox_psql  psql that stops at the first error, as the superuser

pg_config=${PG_CONFIG:-pg_config}
bin=$("$pg_config" --bindir)
# Used by those that source this.
# shellcheck disable=SC2034
pgxs=$(dirname "$("$pg_config" --pgxs)")/..
work=
as_server=()

cluster_finish()
{
	[[ -n $work ]] || return 0
	if [[ -e $work/data/postmaster.pid ]]; then
		"${as_server[@]}" "$bin/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1 || :
	fi
	rm -rf "$work"
}

# A directory of the server's user; removed at the end.
cluster_directory()
{
	work=$(mktemp -d "${TMPDIR:-/tmp}/outbox-$1.XXXXXX")
	trap cluster_finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if [[ $(id -u) -eq 0 ]]; then
		chown postgres "$work"
		as_server=(setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all env HOME="$work")
	fi
	cd "$work"
}

cluster_start()
{
	cluster_directory "$1"
	shift
	"${as_server[@]}" "$bin/initdb" -D "$work/data" -U postgres -A trust -N -E UTF8 --locale=C >"$work/initdb.log" 2>&1 ||
		{ cat "$work/initdb.log"; exit 1; }
	cat >>"$work/data/postgresql.conf" <<-END
		listen_addresses = ''
		unix_socket_directories = '$work'
		wal_level = logical
		fsync = off
		synchronous_commit = on
		timezone = 'UTC'
		max_prepared_transactions = 2
		autovacuum = off
	END
	[[ $# -eq 0 ]] || printf '%s\n' "$@" >>"$work/data/postgresql.conf"
	"${as_server[@]}" "$bin/pg_ctl" -D "$work/data" -l "$work/server.log" -w start >/dev/null ||
		{ cat "$work/server.log"; exit 1; }
}

outbox_psql()
{
	"$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$work" -U postgres "$@"
}
