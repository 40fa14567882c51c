# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# check: what must hold for the stored patches. Each line of the table is one
# promise; those that are broken are explained below it.

PATCH_HEADERS=(Why Why-not-NIF Upstream-Status Drop-when)

# The version of OTP=, or all of them.
cmd_check() {
    local version failed=0
    if [[ -n $OTP_GIVEN ]]; then
        check_version
        return
    fi
    for version in $(config_versions); do
        (OTP=$version
         config_init
         check_version) || failed=$((failed + 1))
    done
    ((failed == 0)) || die "$failed versions are not in order."
}

check_version() {
    local tree
    need_tools git patch tar xz awk sha256sum
    take_lock
    say "OTP $OTP"
    CHECK_FAILED=0
    CHECK_DIR=$(mktemp -d -- "$TREE/check.XXXXXX")
    trap 'rm -rf -- "$CHECK_DIR"' EXIT
    tree=$CHECK_DIR/tree
    mkdir -- "$tree" "$CHECK_DIR/new"

    check_line "source archive has a known sha256" check_archive
    check_line "series and files agree" check_series
    check_line "each patch has its headers" check_headers check_series
    check_line "no trailing blanks are added" check_blanks check_series
    check_line "applies at its own lines, without fuzz" check_applies \
        check_archive check_series
    check_line "stored patches equal their re-export" check_export check_applies
    check_line "files in common/ are compiled" check_common check_applies
    check_line "list of what is not checked is current" check_unmediated \
        check_archive
    check_apply
    if ((CHECK_FAILED)); then
        die "$CHECK_FAILED of the checks above failed for OTP $OTP."
    fi
    say "$(series_names | wc -l) patches for OTP $OTP are in order."
}

# check_line TEXT FUNCTION [NEEDED...]: the function prints what is wrong. It
# is passed over when one of the functions it needs has failed.
check_line() {
    local text=$1 function=$2 out status=0 needed
    shift 2
    for needed; do
        [[ -f $CHECK_DIR/$needed.ok ]] && continue
        printf '  --    %s (not checked)\n' "$text" >&2
        return 0
    done
    out=$(set -e; "$function" 2>&1) || status=$?
    progress_clear
    if [[ $status == 0 && -z $out ]]; then
        : >"$CHECK_DIR/$function.ok"
        printf '  ok    %s\n' "$text" >&2
    else
        CHECK_FAILED=$((CHECK_FAILED + 1))
        printf '  FAIL  %s\n' "$text" >&2
        printf '%s\n' "${out:-exit status $status}" | sed 's/^/          /' >&2
    fi
}

check_archive() {
    # In a subshell, since the error ends it; what it says else is no error.
    (source_locate && printf '%s\n' "$SOURCE_KIND" "$SOURCE_PATH" \
        >"$CHECK_DIR/source") 2>"$CHECK_DIR/source.log" || {
        cat "$CHECK_DIR/source.log"
        return 1
    }
    if [[ $(head -n 1 "$CHECK_DIR/source") == directory ]]; then
        echo "OTP_SRC is a directory; this check needs an archive"
    fi
}

check_series() {
    local file name
    series_names | sort | uniq -d | sed 's/$/: twice in the series/'
    while read -r name; do
        [[ -f $PATCH_DIR/$name ]] || echo "$name: in the series, but no file"
    done < <(series_names)
    for file in "$PATCH_DIR"/*.patch; do
        [[ -f $file ]] || continue
        series_names | grep -qxF -- "${file##*/}" ||
            echo "${file##*/}: not in the series"
    done
}

check_headers() {
    local name header
    while read -r name; do
        [[ -n $(patch_subject "$name") ]] || echo "$name: no Subject:"
        for header in "${PATCH_HEADERS[@]}"; do
            patch_message "$PATCH_DIR/$name" | grep -qE "^$header: +[^ ]" ||
                echo "$name: no $header: in its text"
        done
    done < <(series_names)
}

check_blanks() {
    local name
    while read -r name; do
        grep -nE '^\+.*[[:blank:]]$' "$PATCH_DIR/$name" |
            sed "s/^\([0-9]*\):.*/$name:\1: ends in a blank/" || :
    done < <(series_names)
}

# Makes the git tree that the next check exports from; it holds only the files
# that patches touch.
check_applies() {
    local wanted=() file tree=$CHECK_DIR/tree
    SOURCE_KIND=archive SOURCE_PATH=$(sed -n 2p "$CHECK_DIR/source")
    mapfile -t wanted < <(check_existing_files)
    work_unpack "$tree" OTP_VERSION "${wanted[@]+"${wanted[@]}"}"
    cp -a -- "$tree" "$CHECK_DIR/exact"
    work_base "$tree"
    series_apply "$CHECK_DIR/exact" exact
    work_import "$tree"
    # Both ways of applying must come to the same.
    while read -r file; do
        cmp -s -- "$tree/$file" "$CHECK_DIR/exact/$file" ||
            [[ ! -e $tree/$file && ! -e $CHECK_DIR/exact/$file ]] ||
            echo "$file: patch and git disagree"
    done < <(series_files)
}

# Files that patches create are in no archive.
check_existing_files() {
    local name
    while read -r name; do
        sed -nE 's,^--- a/([^[:space:]]+).*,\1,p' "$PATCH_DIR/$name"
    done < <(series_names) | sort -u | grep -vxFf <(
        while read -r name; do
            awk '/^--- \/dev\/null/ { getline; sub(/^\+\+\+ b\//, ""); print }' \
                "$PATCH_DIR/$name"
        done < <(series_names)
        echo) || :
}

check_export() {
    local commit name
    while read -r commit name; do
        export_patch "$CHECK_DIR/tree" "$commit" >"$CHECK_DIR/new/$name"
        cmp -s -- "$PATCH_DIR/$name" "$CHECK_DIR/new/$name" && continue
        echo "$name differs from its re-export:"
        diff -u --label "stored" --label "re-exported" -- \
            "$PATCH_DIR/$name" "$CHECK_DIR/new/$name" | head -n 12 || :
        echo "write it again: otp_patches/otp work && otp_patches/otp refresh"
    done < <(paste -d' ' <(export_commits "$CHECK_DIR/tree") <(series_names))
}

# A C file that no makefile names would be shipped and never compiled.
check_common() {
    local file object makefile=erts/emulator/Makefile.in
    for file in "$TOOLKIT"/common/*.{c,cpp}; do
        [[ -f $file ]] || continue
        object=${file##*/} object=${object%.*}.o
        grep -qF -- "/$object" "$CHECK_DIR/tree/$makefile" 2>/dev/null ||
            echo "common/${file##*/}: no patch adds $object to $makefile"
    done
}

check_unmediated() {
    local tables=$CHECK_DIR/tables
    SOURCE_KIND=archive SOURCE_PATH=$(sed -n 2p "$CHECK_DIR/source")
    mkdir -- "$tables"
    work_unpack "$tables" "${UNMEDIATED_FILES[@]}"
    unmediated "$tables" | diff - "$PATCH_DIR/unmediated.txt" &&
        unmediated_page "$tables" | diff - "$(unmediated_file)" ||
        echo "write it again with: otp_patches/otp unmediated"
}
