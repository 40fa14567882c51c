# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# build, home, path, version, stock. A build whose inputs did not change does
# nothing.

cmd_build() {
    local inputs started=$SECONDS
    need_tools "${COMPILE_TOOLS[@]}"
    [[ $TYPE != valgrind ]] || need_tools valgrind
    [[ -z $CROSS ]] || cross_prepare
    take_lock
    base_find
    trap 'build_interrupted' INT TERM HUP
    series_say
    if [[ -n $OTP_SRC ]]; then source_locate; fi
    inputs=$(build_inputs)
    if stamp_is "runtime$VARIANT" "$inputs" && runtime_is_whole; then
        say "OTP $(build_name) is built: $OTP_HOME/bin/erl"
        return 0
    fi
    stamp_drop "runtime$VARIANT"
    build_source
    # Before the first file is read: what is edited meanwhile is not in it.
    inputs=$(build_inputs)
    tree_prepare
    compile
    base_make
    overlay_lay
    stamp_set "runtime$VARIANT" "$inputs"
    say "OTP $(build_name) is built in $((SECONDS - started)) s:" \
        "$OTP_HOME/bin/erl"
}

# A tree that was unpacked before is good, unless another source is asked for.
build_source() {
    [[ -z $SOURCE_ID ]] || return 0
    if [[ -z $OTP_TARBALLS && -d $SRC && -f $STAMPS/source ]]; then
        SOURCE_ID=$(<"$STAMPS/source")
        return 0
    fi
    source_locate
    [[ $SOURCE_KIND == directory ]] || is_other_release ||
        say "source: $SOURCE_PATH, verified."
}

build_interrupted() {
    trap - INT TERM HUP
    progress_clear
    if [[ -n $BUILD_CHILD ]]; then
        kill -- "-$BUILD_CHILD" 2>/dev/null ||
            kill "$BUILD_CHILD" 2>/dev/null || :
        wait "$BUILD_CHILD" 2>/dev/null || :
    fi
    rm -f -- "$STAMPS/compiling"
    say "interrupted; no runtime is in place. The next build goes on from here."
    exit 130
}

# One hash over all that a runtime is made of.
build_inputs() {
    {
        printf '%s\n' "$OTP $PATCHES $FLAVOR $TYPE $ARCH $BASE $BASE_ROOT ${CC:-} ${CXX:-} ${CFLAGS:-}"
        printf '%s\n' "${SOURCE_ID:-$(cat "$STAMPS/source" 2>/dev/null)}"
        [[ $BASE != host ]] || ls -lL --time-style=+%s "$BASE_ROOT/bin" \
            "$BASE_ROOT/erts-${DATA[erts_version]}/bin"
        cd -- "$TOOLKIT" || exit
        # A stock emulator is made of none of the patches.
        [[ $PATCHES == all ]] || set -- "$SERIES/source"
        find "${@:-$SERIES}" common lib runtime otp -type f -print0 | sort -z |
            xargs -0 sha256sum
    } | sha256sum | cut -d' ' -f1
}

# What the stamp cannot know: the host's OTP may have been changed since.
runtime_is_whole() {
    [[ -x $OTP_HOME/erts-${DATA[erts_version]}/bin/beam.smp &&
       -x $OTP_HOME/bin/erl &&
       $(cat "$OTP_HOME/releases/${DATA[release]}/OTP_VERSION" \
           2>/dev/null) == "$OTP" ]]
}

# The release that OTP= and OTP_SRC= come to.
cmd_version() { printf '%s\n' "$OTP"; }

# Where the runtime is, or would be.
cmd_home() { printf '%s\n' "$OTP_HOME"; }

cmd_path() {
    if [[ ! -f $STAMPS/runtime$VARIANT ]] || ! runtime_is_whole; then
        die "OTP $(build_name) is not built, or its last build did not finish." \
            "Build it with: make otp"
    fi
    smoke_is_done ||
        die "OTP $(build_name) is none of the verified builds, and has not" \
            "passed the smoke test. Run it with: make otp"
    printf '%s\n' "$OTP_HOME/bin/erl"
}

cmd_stock() {
    local erl
    erl=$(host_erl) ||
        die "no Erlang/OTP is installed." "Install it with: scripts/deps"
    printf '%s\n' "$erl"
}
