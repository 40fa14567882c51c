# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Which patches an OTP gets, and whether they fit. A release that no series was
# made for gets the nearest one, and that has to fit exactly: each hunk without
# fuzz, in the function it was made for, and nothing in the loaders' tables that
# the series does not know. Else nothing is built.

# series_choose: sets SERIES for OTP.
series_choose() {
    [[ $OTP =~ ^[0-9]+(\.[0-9]+)*(-rc[0-9]+)?$ ]] ||
        die "OTP=$OTP is not a version." \
            "There are patches for: $(config_versions)"
    if [[ -f $TOOLKIT/$OTP/source ]]; then
        SERIES=$OTP
        return 0
    fi
    SERIES=$(series_nearest)
    [[ -n $SERIES ]] ||
        die "OTP $OTP is older than all that there are patches for." \
            "There are patches for: $(config_versions)"
    [[ -n $OTP_SRC || -f $BUILD_DIR/otp/$OTP/stamps/source ]] ||
        die "there are no patches for OTP=$OTP." \
            "There are patches for: $(config_versions)" \
            "To try those of $SERIES on it, give its source:" \
            "  OTP_SRC=DIRECTORY or OTP_SRC=ARCHIVE"
}

# Of the same major version the nearest that is not newer, else the next newer
# one; failing that, the newest of the nearest older major version.
series_nearest() {
    local version same='' later='' older=''
    for version in $(config_versions | tr ' ' '\n' | sort -V); do
        if [[ ${version%%.*} == "${OTP%%.*}" ]]; then
            if sort -VC <<<"$version"$'\n'"$OTP"; then same=$version
            else later=${later:-$version}; fi
        elif ((${version%%.*} < ${OTP%%.*})); then
            older=$version
        fi
    done
    printf '%s\n' "${same:-${later:-$older}}"
}

cmd_series() { printf '%s\n' "$SERIES"; }

is_other_release() { [[ $SERIES != "$OTP" ]]; }

# For what reads or writes the stored patches of just this version.
series_own() {
    ! is_other_release ||
        die "there are no patches for OTP $OTP, only those of $SERIES that" \
            "are tried on it. docs/MAINTENANCE.md says how to make its own."
}

series_say() {
    is_other_release && [[ $PATCHES == all ]] || return 0
    say "OTP $OTP is none of the verified versions ($(config_versions));" \
        "the patches of $SERIES are tried on it."
}

# series_files: every path that a patch of the series names.
series_files() {
    local name
    series_names | while read -r name; do
        [[ -f $PATCH_DIR/$name ]] ||
            die "otp_patches/$SERIES/series names $name, which does not exist."
        patch_files "$PATCH_DIR/$name"
    done | sort -u
}

# series_apply DIR [exact]: each patch goes on without fuzz, and each hunk into
# the function it was made for, or that is the end; "exact" also refuses hunks
# that are found some lines away.
series_apply() {
    local name log=$LOGS/patch.log before=$1.before astray
    while read -r name; do
        progress_line "applying $name"
        series_keep "$1" "$before" "$name"
        # -f: never guess that a patch is reversed.
        patch -p1 -F0 -f --verbose --no-backup-if-mismatch -r - -d "$1" \
            <"$PATCH_DIR/$name" >"$log" 2>&1 || series_explain "$name" "$before"
        astray=$(hunks_astray "$PATCH_DIR/$name" "$log" "$before")
        [[ -z $astray ]] || series_refuse \
            "$name applies to OTP $OTP in another function" "$astray"
        if [[ ${2-} == exact ]] && grep -qE '\((offset|fuzz)|with fuzz' "$log"; then
            series_refuse "$name applies, but not at its own lines" \
                "$(hunks_told "$log" | grep -E 'offset|fuzz' | tr '\t' ' ')"
        fi
    done < <(series_names)
    rm -rf -- "$before"
    progress_clear
}

# The files that a patch touches, as they are before it.
series_keep() {
    local file
    rm -rf -- "$2"
    mkdir -- "$2"
    patch_files "$PATCH_DIR/$3" | while read -r file; do
        [[ -f $1/$file ]] || continue
        mkdir -p -- "$2/$(dirname -- "$file")"
        cp -- "$1/$file" "$2/$file"
    done
}

series_explain() {
    local log=$LOGS/patch.log what
    grep -q 'No space left on device' "$log" && die_with_log "patching" "$log"
    what=$(hunks_failed "$PATCH_DIR/$1" "$log" "$2")
    series_refuse "$1 does not apply to OTP $OTP" "${what:-$(tail -n 3 "$log")}"
}

# series_refuse WHAT PLACES
series_refuse() {
    local help=()
    mapfile -t help <<<"$2"
    help+=("The series must fit without fuzz. docs/MAINTENANCE.md, section 2"
        "(The hooks), says how to carry patches over to another version."
        "All that patch said: $LOGS/patch.log")
    die "otp_patches/$SERIES/$1:" "${help[@]}"
}

# series_tables TREE: another source may have functions and instructions that
# pass no check and that the series knows nothing of. Then it does not serve.
series_tables() {
    local new=()
    [[ $PATCHES == all ]] || return 0
    mapfile -t new < <(unmediated "$1" |
        grep -vxFf "$PATCH_DIR/unmediated.txt" | cut -f 1 | paste -sd' ' |
        fold -sw 70 | sed '/^ *$/d')
    ((${#new[@]} == 0)) || series_unknown \
        "functions that no check sees, unlike $SERIES" "${new[@]}"
    mapfile -t new < <(unmediated_page "$1" 2>&1 >/dev/null |
        sed -n 's/^no reason for //p' | paste -sd' ' | fold -sw 70 | sed '/^ *$/d')
    ((${#new[@]} == 0)) || series_unknown \
        "instructions that nobody has looked at" "${new[@]}"
}

series_unknown() {
    die "OTP $OTP has $1:" "${@:2}" \
        "docs/MAINTENANCE.md, section 3 (Lists), says what to do."
}
