# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The tree that is compiled: unpacked once for a source, configured once for a
# set of options. Both are whole or absent.

# Where only the emulator is built, nothing that other applications need is
# asked for; base.sh has other options. Without the terminal library the shell
# has no line editing, no completion and no ^G.
CONFIGURE_OPTIONS=(--without-javac --without-odbc --without-wx --without-ssl)
[[ -e /usr/include/term.h ]] || CONFIGURE_OPTIONS+=(--without-termcap)

tree_prepare() {
    tree_unpack
    tree_sync
    tree_configure
}

tree_unpack() {
    stamp_is source "$SOURCE_ID" && [[ -d $SRC ]] && return 0
    local new=$TREE/src.new
    check_disk
    rm -rf -- "$new" "$SRC" "$PRISTINE"
    stamp_drop source
    stamp_drop configure
    stamp_drop full
    mkdir -p -- "$new"
    if [[ $SOURCE_KIND == archive ]]; then
        run_logged "$LOGS/unpack.log" "unpacking ${SOURCE_PATH##*/}" \
            tar -xf "$SOURCE_PATH" -C "$new" --strip-components=1 \
                --no-same-owner
    else
        run_logged "$LOGS/unpack.log" "copying $SOURCE_PATH" \
            tree_copy_directory "$SOURCE_PATH" "$new"
    fi
    [[ $(<"$new/OTP_VERSION") == "$OTP" ]] ||
        die "the source holds OTP $(<"$new/OTP_VERSION"), not $OTP."
    mv -- "$new" "$SRC"
    stamp_set source "$SOURCE_ID"
}

# Without what an earlier build in that directory has made: objects of other
# options would be taken for ours.
tree_copy_directory() {
    local triple
    triple=$(sh "$1/make/autoconf/config.guess" 2>/dev/null ||
        sh "$1/erts/autoconf/config.guess")
    tar -cf - -C "$1" --exclude=.git --exclude=obj --exclude="$triple" . |
        tar -xf - -C "$2" --no-same-owner
}

check_disk() {
    local free
    free=$(disk_free_mb "$TREE")
    ((free >= ${DATA[disk_mb]})) || die "not enough room on the disk." \
        "$(disk_line) A build needs about ${DATA[disk_mb]} MB." \
        "Free some space or set BUILD_DIR= to another disk."
}

# OTP's makefiles cannot handle blanks in paths, users' directories can: then
# the tree is reached through a link whose own name has none.
tree_top() {
    [[ $SRC == *[[:space:]]* ]] || { printf '%s\n' "$SRC"; return 0; }
    local link
    link=$(printf %s "$SRC" | sha256sum | cut -c1-12)
    link=${TMPDIR:-/tmp}/otp-$(id -u)-$link
    [[ $link != *[[:space:]]* ]] || link=/tmp/${link##*/}
    if [[ $(readlink -- "$link") != "$SRC" ]]; then
        ln -sn -- "$SRC" "$link" ||
            die "cannot make the link $link, needed for a path with blanks."
    fi
    # In a directory open to all it could be another user's.
    [[ $(stat -c %u -- "$link") == "$(id -u)" ]] ||
        die "$link belongs to another user." \
            "Set TMPDIR= to a directory of yours."
    printf '%s\n' "$link"
}

# Runs a command in the tree, as the last thing a subshell does, in a process
# group of its own, so that an interrupted build can end all of it. Variables of
# an outer make, and those by which a running Erlang finds itself, would lead
# OTP's build astray.
in_tree() {
    local top=$1
    shift
    cd -- "$top" && exec setsid env \
        -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES \
        -u TARGET -u TYPE -u FLAVOR -u ERL_LIBS -u ROOTDIR -u BINDIR -u EMU \
        -u PROGNAME ERL_TOP="$top" "$@"
}

# What OTP's makefiles call the machine that the emulator is for.
tree_triple() {
    if [[ $CROSS ]]; then
        sh "$SRC/make/autoconf/config.sub" "$CROSS"
    else
        sh "$SRC/make/autoconf/config.guess"
    fi
}

tree_configure() {
    local top want
    [[ -z $CROSS ]] || cross_configure
    top=$(tree_top)
    want="$SOURCE_ID $top ${CONFIGURE_OPTIONS[*]}"
    want+=" ${CC:-} ${CXX:-} ${CFLAGS:-} ${CXXFLAGS:-} ${LDFLAGS:-}"
    stamp_is configure "$want" && return 0
    stamp_drop configure
    run_logged "$LOGS/configure.log" "configuring" \
        in_tree "$top" "${CROSS_ENV[@]}" ./configure "${CONFIGURE_OPTIONS[@]}"
    stamp_set configure "$want"
}
