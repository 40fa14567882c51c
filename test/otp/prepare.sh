# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# $WORK, where OTP's suites are built and run:
#   test_server/, <application>_test/   copies from OTP's source, compiled
#   ebin/                               our own modules
#   home/                               what the nodes take for $HOME
#   run/<mode>/<application>/<suite>/   logs and outcomes

# The suites as build_suites and Common Test know them.
suite_paths() { printf '%s\n' "${ALL[@]}" | sed -E 's,/([^ ]*).*,_test/\1,'; }

# A hash over what is built here. The tree's source is known by its stamp.
prepare_inputs() {
    {
        cat "$RUNTIME/stamps/source"
        suite_paths
        cat "$HERE"/*.erl "$HERE/prepare.sh"
    } | sha256sum | cut -d' ' -f1
}

prepare() {
    local inputs
    inputs=$(prepare_inputs)
    [[ -f $WORK/stamp && $(<"$WORK/stamp") == "$inputs" ]] && return 0
    say "building the suites in ${WORK#"$TOP"/}"
    rm -rf -- "$WORK"/{ebin,home,test_server,*_test}
    mkdir -p "$WORK"/{ebin,home,run}
    copy_sources
    # Every node has it, so the ones that start together do not race for it.
    (umask 077 && head -c 15 /dev/urandom | base64 | tr -dc A-Za-z0-9 \
        >"$WORK/home/.erlang.cookie")
    "$RUNTIME/bin/erlc" -pa "$TOP/_build/default/lib/seccomp/ebin" \
        -o "$WORK/ebin" "$HERE"/*.erl
    # shellcheck disable=SC2046 # a list of words
    "$RUNTIME/bin/erl" -noinput -pa "$WORK/ebin" \
        -run otp_suite_build main -extra "$RUNTIME/src" "$WORK" $(suite_paths) \
        >"$WORK/build.log" 2>"$WORK/build.err" </dev/null || {
        tail -n 15 "$WORK/build.err" >&2
        fail "the suites do not build; see $WORK/build.log"
    }
    printf '%s\n' "$inputs" >"$WORK/stamp"
}

copy_sources() {
    local src=$RUNTIME/src from app
    for app in test_server emulator kernel stdlib; do
        case $app in
            test_server) from=$src/lib/common_test/test_server ;;
            emulator)    from=$src/erts/emulator/test ;;
            *)           from=$src/lib/$app/test ;;
        esac
        [[ -d $from ]] || fail "OTP's source has no $from"
        if [[ $app == test_server ]]; then cp -r -- "$from" "$WORK/$app"
        else cp -r -- "$from" "$WORK/${app}_test"; fi
    done
    # Another way to connect nodes, which signal_SUITE tests with.
    cp -- "$src"/lib/kernel/examples/gen_tcp_dist/src/gen_tcp_dist.erl \
        "$WORK/emulator_test"
}
