# shellcheck shell=bash
#
# tap.sh: counts what a TAP harness reports, for the runners of test/.
#
#	tap_count COMMAND...    runs prove or pg_prove (with --verbose), prints what isn't "ok", then the line
#	                        "N passed, N failed, N skipped"; returns 0 only when all passed
#
# A program that ends early, or without its plan, fails by the harness's exit status.  Subtests count as the test
# that they belong to.

tap_count()
{
	local status=0 passed failed skipped output
	output=$(mktemp)
	"$@" >"$output" 2>&1 || status=$?
	passed=$(grep -cE '^ok ' "$output" || true)
	skipped=$(grep -ciE '^ok .*# skip|\.\. skipped' "$output" || true)
	passed=$((passed - $(grep -ciE '^ok .*# skip' "$output" || true)))
	failed=$(grep -cE '^not ok ' "$output" || true)
	if [[ $status -ne 0 ]]; then
		cat "$output"
		[[ $failed -gt 0 ]] || failed=1
	else
		grep -iE '^ok .*# skip|\.\. skipped' "$output" || true
	fi
	rm -f "$output"
	echo "$passed passed, $failed failed$([[ $skipped -eq 0 ]] || echo ", $skipped skipped")"
	[[ $failed -eq 0 && $passed -gt 0 ]]
}
