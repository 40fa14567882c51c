# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# smoke: whether a runtime starts, loads the library and enforces a policy. What
# is not one of the verified builds is not handed out before it has.

SMOKE_TEST=test/smoke/seccomp_smoke.erl

cmd_smoke() {
    local dir=$TREE/smoke$VARIANT log=$LOGS/smoke.log nif=priv/native/seccomp_nif.so
    if [[ ! -f $STAMPS/runtime$VARIANT ]] || ! runtime_is_whole; then
        die "OTP $(build_name) is not built." "Build it with: make otp"
    fi
    [[ -f $REPO/$nif ]] ||
        die "$nif is not built." "Build it with: make nif"
    rm -rf -- "$dir"
    mkdir -p -- "$dir"
    run_logged "$log" "compiling the library" env PATH="$OTP_HOME/bin:$PATH" \
        sh -ec "'$REPO/packaging/install-library' '$dir'
            erlc -o '$dir' '$REPO/$SMOKE_TEST'"
    # Nothing of the user's own settings: the test must hold without them.
    if ! env -u ERL_FLAGS -u ERL_AFLAGS -u ERL_ZFLAGS ERL_LIBS="$dir" \
            "$OTP_HOME/bin/erl" -noinput -pa "$dir" \
            -run seccomp_smoke main >"$log" 2>&1 </dev/null; then
        die_with_log "the smoke test of OTP $(build_name)" "$log"
    fi
    cat -- "$log" >&2
    rm -rf -- "$dir"
    smoke_inputs >"$STAMPS/smoke$VARIANT"
    [[ -z $(smoke_unproven) ]] || say "$(smoke_unproven)"
}

# What the test has seen.
smoke_inputs() { cat -- "$STAMPS/runtime$VARIANT"; }

# Prints why a runtime is none of those that the whole test suite runs on.
smoke_unproven() {
    source_is_verified "$(cat -- "$STAMPS/source" 2>/dev/null)" && return 0
    echo "OTP $OTP with the patches of $SERIES is none of the verified builds:" \
        "the patches fit and the smoke test passed. The test suites did not run:" \
        "make test-erlang OTP=$OTP"
}

smoke_is_done() {
    [[ $PATCHES == none || -z $(smoke_unproven) ]] ||
        stamp_is "smoke$VARIANT" "$(smoke_inputs)"
}

cmd_proven() { smoke_is_done; }
