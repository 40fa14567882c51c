# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# apply: the patches and our C files into a source tree that something else
# builds (kerl, a package, an image). What was there before is kept in a hidden
# directory of that tree, so that a second run finds nothing to do, and a newer
# patch set replaces an older one. unpack: such a tree from a verified archive.

APPLY_STATE=.seccomp-patches

# Before the configuration is read: the tree says which version it is.
apply_init() {
    [[ -d $1 ]] || die "$1 is not a directory." \
        "Write: otp_patches/otp apply DIRECTORY (an unpacked source tree)"
    OTP_SRC=$(cd -- "$1" && pwd)
}

cmd_apply() {
    local known=
    need_tools patch awk find cmp sha256sum flock
    SRC=$OTP_SRC TREE=$OTP_SRC/$APPLY_STATE OTP_HOME=$OTP_SRC/$APPLY_STATE
    PRISTINE=$TREE/pristine LOGS=$TREE/log STAMPS=$TREE/stamps
    ARCHIVES=$TREE/archives
    series_say
    source_locate
    apply_find_stray
    take_lock
    # A tree under git takes no notice of it.
    echo '*' >"$TREE/.gitignore"
    apply_look
    tree_sync
    apply_note
    rm -rf -- "$TREE/stage" "$ARCHIVES"
    is_other_release || known=", one of the verified versions"
    if ((${#SYNCED[@]})); then
        say "$OTP_SRC: the patches of $SERIES are in (OTP $OTP$known)."
    else
        say "$OTP_SRC: the patches of $SERIES were in before; nothing to do."
    fi
    [[ -n $known ]] ||
        say "This is none of the verified versions ($(config_versions)): run the" \
            "tests on what you build."
    [[ ! -f $SRC/erts/config.log ]] || ((${#SYNCED[@]} == 0)) ||
        say "The tree was configured before: run its configure again."
}

cmd_unpack() {
    local dir=$1 new=$1.new
    need_tools tar xz
    [[ ! -e $dir ]] || die "$dir exists." "Name a directory that does not."
    make_home
    source_locate
    [[ $SOURCE_KIND == archive ]] ||
        die "OTP_SRC=$OTP_SRC is a directory." \
            "Patch it where it is: otp_patches/otp apply $OTP_SRC"
    rm -rf -- "$new"
    mkdir -p -- "$new"
    run_logged "$LOGS/unpack.log" "unpacking ${SOURCE_PATH##*/}" \
        tar -xf "$SOURCE_PATH" -C "$new" --strip-components=1 --no-same-owner
    run_logged "$LOGS/apply.log" "patching" \
        env -u OTP -u OTP_SRC "$TOOLKIT/otp" apply "$new"
    mv -- "$new" "$dir"
    say "$dir: OTP $OTP with the patches of $SERIES, from ${SOURCE_PATH##*/}."
}

# Our files without our notes: the patches came in another way.
apply_find_stray() {
    local file
    [[ ! -d $TREE ]] || return 0
    for file in "$TOOLKIT"/common/*; do
        file=erts/emulator/beam/${file##*/}
        [[ ! -e $SRC/$file ]] || die "$SRC is patched already, and not by this" \
            "command: it has $file." "Give an untouched tree."
    done
}

# Whether the files are still as the last run left them, or all as before it (a
# checkout brings them back). Anything else is somebody's work.
apply_look() {
    local sum file ours=0 theirs=()
    [[ -f $STAMPS/written ]] || return 0
    while read -r sum file; do
        if [[ $(sha256sum -- "$SRC/$file" 2>/dev/null) == "$sum "* ]]; then
            ours=$((ours + 1))
        else
            theirs+=("$file")
        fi
    done <"$STAMPS/written"
    ((${#theirs[@]})) || return 0
    ((ours == 0)) ||
        die "$SRC was changed since the patches were put in:" "${theirs[@]}" \
            "Bring these files back (git checkout, or unpack the tree again)," \
            "and run this again; your own changes can go in after it."
    say "the files are not those that were patched; starting anew."
    rm -rf -- "$PRISTINE"
    stamp_drop written
}

# Files that were there before are told from our own, which nobody brings back.
apply_note() {
    local file
    series_files | while read -r file; do
        [[ ! -f $PRISTINE/$file ]] || (cd -- "$SRC" && sha256sum -- "$file")
    done >"$STAMPS/written.new"
    mv -f -- "$STAMPS/written.new" "$STAMPS/written"
}
