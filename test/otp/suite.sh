# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Runs one suite in one mode: in a node of its own, which may hang or die.

# run_suite MODE ERL APPLICATION/SUITE LIMIT SLOT
run_suite() {
    local mode=$1 erl=$2 suite=$3 limit=$4 slot=$5
    local dir=$WORK/run/$mode/$suite mark status=0
    local -a env
    rm -rf -- "$dir"
    mkdir -p "$dir/logs"
    : >"$dir/outcomes"
    suite_spec "$suite" >"$dir/spec"
    mark=otp-suites-$$-$mode-$suite-
    # Nothing of the caller's environment, so everybody gets the same. A port
    # mapper for each suite: its nodes meet no others.
    env=(PATH="$(dirname -- "$erl"):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        HOME="$WORK/home" LC_ALL=C.UTF-8 TERM=dumb
        ERL_EPMD_PORT=$((EPMD_BASE + slot)) ERL_CRASH_DUMP="$dir/erl_crash.dump"
        OTP_SUITES_MARK="$mark" OTP_SUITES_MODE="$mode")
    if [[ $mode == restricted ]]; then
        env+=(OTP_SUITES_NODES="$dir/nodes"
            OTP_SUITES_LIBRARY="$BUILD_DIR/default/lib/seccomp/ebin"
            ERL_AFLAGS="-eval 'code:load_abs(\"$WORK/ebin/seccomp_everywhere\"),seccomp_everywhere:start().'"
            ERL_ZFLAGS="-boot $WORK/restricted")
    fi
    (cd "$dir" && exec env -i "${env[@]}" timeout -k 10 "$limit" \
        "$erl" -noinput -sname test_server -rsh ssh \
        -boot start_sasl -sasl errlog_type error -enable-feature maybe_expr \
        -pa "$WORK/ebin" "$WORK/test_server" \
        -otp_suite "$dir/spec" "$WORK/${suite%/*}_test" "$dir/logs" "$dir/outcomes" \
        -run otp_suite_run main) >"$dir/output" 2>&1 </dev/null || status=$?
    end_marked "$mark"
    return "$status"
}

# The specification of a run: the suite, less what is left out.
suite_spec() {
    local app=${1%/*} suite=${1#*/} name
    local dir=$WORK/${app}_test
    printf '{suites, "%s", [%s]}.\n' "$dir" "$suite"
    # As in OTP's own specification.
    [[ $app != emulator ]] || echo '{enable_builtin_hooks, false}.'
    while read -r name; do
        case $name in
            group:*) printf '{skip_groups, "%s", %s, [%s], "left out"}.\n' \
                         "$dir" "$suite" "${name#group:}" ;;
            *)       printf '{skip_cases, "%s", %s, [%s], "left out"}.\n' \
                         "$dir" "$suite" "$name" ;;
        esac
    done < <(listed left_out "$1")
}

# listed FILE SUITE: the cases that a list of ours names.
listed() {
    awk -v suite="$2" '!/^#/ && $1 == suite { print $2 }' "$LISTS/$1"
}

# Ends all whose mark starts like this: what a suite left running. The mark is in
# the environment of the suite's node, and so of all that it started.
end_marked() {
    local file pid
    for file in /proc/[0-9]*/environ; do
        if tr '\0' '\n' 2>/dev/null <"$file" | grep -q "^OTP_SUITES_MARK=$1"; then
            pid=${file#/proc/} pid=${pid%/environ}
            kill -KILL "$pid" 2>/dev/null || :
        fi
    done
}
