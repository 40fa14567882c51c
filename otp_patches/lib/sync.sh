# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Brings the patches into the tree. The series is applied to a stage that holds
# unpatched copies of the files concerned; only files whose content differs
# afterwards are written to the tree, so that make compiles no more than needed,
# and a series that fails leaves the tree as it was.

patch_files() {
    sed -nE 's,^(---|\+\+\+) [ab]/([^[:space:]]+).*,\2,p' "$1" | sort -u
}

tree_sync() {
    local stage=$TREE/stage files file
    files=$(series_files)
    pristine_keep "$files"
    rm -rf -- "$stage"
    mkdir -p -- "$stage"
    cp -a -- "$PRISTINE/." "$stage/"
    series_apply "$stage"
    source_is_verified "$SOURCE_ID" || series_tables "$SRC"
    sync_common "$stage"

    SYNCED=()
    while IFS= read -r file; do
        [[ -n $file ]] && sync_file "$stage" "$file"
    done < <({ printf '%s\n' "$files"; sync_known "$stage"; } | sort -u)
    sync_after
    rm -rf -- "$stage"
}

# Files of this and of earlier series, and files that an earlier sync created.
sync_known() {
    (cd -- "$1" && find . -type f -printf '%P\n')
    cat -- "$STAMPS/created" 2>/dev/null || :
}

pristine_keep() {
    local file
    mkdir -p -- "$PRISTINE"
    while IFS= read -r file; do
        [[ -n $file && ! -f $PRISTINE/$file && -f $SRC/$file ]] || continue
        # A file that a patch or common/ created is not pristine.
        grep -qxF -- "$file" "$STAMPS/created" 2>/dev/null && continue
        mkdir -p -- "$PRISTINE/$(dirname -- "$file")"
        cp -p -- "$SRC/$file" "$PRISTINE/$file.new"
        mv -- "$PRISTINE/$file.new" "$PRISTINE/$file"
    done <<<"$1"
}

# The new C and C++ files live in common/, for all versions.
sync_common() {
    local file
    [[ $PATCHES == all ]] || return 0
    mkdir -p -- "$1/erts/emulator/beam"
    for file in "$TOOLKIT"/common/*.{c,h,cpp,hpp}; do
        [[ -f $file ]] || continue
        cp -- "$file" "$1/erts/emulator/beam/"
    done
}

sync_file() {
    local from=$1/$2 to=$SRC/$2
    if [[ ! -f $from ]]; then
        [[ -f $to ]] || return 0
        rm -f -- "$to"
        sync_note_created "$2" drop
    else
        cmp -s -- "$from" "$to" && return 0
        sync_depends "$from" "$to"
        if [[ ! -f $PRISTINE/$2 ]]; then sync_note_created "$2" add; fi
        mkdir -p -- "$(dirname -- "$to")"
        # The mode of scripts is kept; the time is now, so that make sees it.
        if [[ -f $to ]]; then chmod --reference="$to" -- "$from"; fi
        cp -- "$from" "$to.new"
        chmod --reference="$from" -- "$to.new"
        mv -f -- "$to.new" "$to"
    fi
    SYNCED+=("$2")
}

sync_note_created() {
    local list=$STAMPS/created
    touch -- "$list"
    { grep -vxF -- "$1" "$list" || :; } >"$list.new"
    [[ $2 == drop ]] || printf '%s\n' "$1" >>"$list.new"
    mv -f -- "$list.new" "$list"
}

# OTP's makefiles do not renew their dependency lists when a source file
# includes another header, so they are dropped when an include changes.
sync_depends() {
    [[ $1 == *.[ch] || $1 == *.[ch]pp ]] || return 0
    diff -q <(grep -E '^[[:space:]]*#[[:space:]]*include' "$1") \
        <(grep -E '^[[:space:]]*#[[:space:]]*include' "$2" 2>/dev/null) \
        >/dev/null && return 0
    find "$SRC/erts/emulator" -name '*depend.mk' \
        -path "*/$(tree_triple)/*" -delete
}

sync_after() {
    local file
    ((${#SYNCED[@]})) || return 0
    say "${#SYNCED[@]} patched files written"
    for file in "${SYNCED[@]}"; do
        # A makefile template or configure itself: configure again.
        case $file in
            *configure|*configure.ac|*.m4|*.in) stamp_drop configure ;;
        esac
    done
}
