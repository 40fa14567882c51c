# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The part of check that runs the command apply on small trees: the files that
# patches touch, and what the command reads besides. Each function prints what
# is wrong.

APPLY_NEEDS=(OTP_VERSION erts/vsn.mk erts/emulator/Makefile.in
    make/autoconf/config.guess)

check_apply() {
    CHECK_TREE=$CHECK_DIR/apply
    check_line "apply: the tree is what a build gets, and stays so" \
        check_apply_twice check_applies check_unmediated
    check_line "apply: what somebody changed is left alone" \
        check_apply_changed check_apply_twice
    check_line "apply: another release gets the nearest patches" \
        check_apply_other check_apply_twice
    check_line "apply: a hunk that does not fit is named" \
        check_apply_hunk check_apply_twice
    check_line "apply: a hunk in another function is refused" \
        check_apply_astray check_apply_twice
    check_line "apply: functions that no check sees are refused" \
        check_apply_tables check_apply_twice
    check_line "apply: what is no tree, or too old, is refused" \
        check_apply_old check_apply_twice
}

# A small unpatched tree in $CHECK_TREE.
check_apply_tree() {
    local files
    rm -rf -- "$CHECK_TREE"
    if [[ ! -d $CHECK_TREE.base ]]; then
        mkdir -- "$CHECK_TREE.base"
        mapfile -t files < <({
            printf '%s\n' "${APPLY_NEEDS[@]}" "${UNMEDIATED_FILES[@]}"
            check_existing_files
        } | sort -u)
        SOURCE_KIND=archive SOURCE_PATH=$(sed -n 2p "$CHECK_DIR/source")
        work_unpack "$CHECK_TREE.base" "${files[@]}"
    fi
    cp -a -- "$CHECK_TREE.base" "$CHECK_TREE"
}

# check_apply_run WANTED-STATUS [TEXT...]: the texts have to be in what it says.
check_apply_run() {
    local status=0 want=$1 text
    shift
    env -u OTP -u OTP_SRC -u PATCHES "$TOOLKIT/otp" apply "$CHECK_TREE" \
        >"$CHECK_DIR/apply.out" 2>&1 || status=$?
    ((status == want)) || echo "status $status instead of $want, it says:" \
        "$(<"$CHECK_DIR/apply.out")"
    for text; do
        grep -qF -- "$text" "$CHECK_DIR/apply.out" ||
            echo "it does not say \"$text\", but: $(<"$CHECK_DIR/apply.out")"
    done
}

# One hash of the names, times and contents, without our notes.
check_apply_sum() {
    (cd -- "$CHECK_TREE" && find . -path "./$APPLY_STATE" -prune -o -type f \
        -printf '%p %T@\n' -exec sha256sum {} + | sort | sha256sum)
}

# check_apply_refused [TEXT...]: it fails, says that, and changes nothing.
check_apply_refused() {
    local before
    before=$(check_apply_sum)
    check_apply_run 1 "$@"
    [[ $(check_apply_sum) == "$before" ]] || echo "the tree was changed"
}

check_apply_twice() {
    local file before
    check_apply_tree
    check_apply_run 0 "$CHECK_TREE: the patches of $OTP are in"
    before=$(check_apply_sum)
    while read -r file; do
        cmp -- "$CHECK_TREE/$file" "$CHECK_DIR/exact/$file" || :
    done < <(series_files)
    for file in "$TOOLKIT"/common/*; do
        cmp -- "$CHECK_TREE/erts/emulator/beam/${file##*/}" "$file" || :
    done
    check_apply_run 0 "nothing to do"
    [[ $(check_apply_sum) == "$before" ]] || echo "the second run changed something"
}

check_apply_changed() {
    local file
    check_apply_tree
    check_apply_run 0
    file=$(series_files | grep '\.c$' | head -n 1)
    echo '/* mine */' >>"$CHECK_TREE/$file"
    check_apply_refused "$CHECK_TREE was changed since" "$file"
    # As a checkout of all files does it.
    cp -a -- "$CHECK_TREE.base/." "$CHECK_TREE/"
    check_apply_run 0 "starting anew" "the patches of $OTP are in"
    # And where they came in without this command.
    rm -rf -- "${CHECK_TREE:?}/$APPLY_STATE"
    check_apply_refused "is patched already"
}

check_apply_other() {
    local file
    check_apply_tree
    echo "${DATA[release]}.99.1" >"$CHECK_TREE/OTP_VERSION"
    # All that it looks for is some lines further down.
    series_files | grep '\.c$' | while read -r file; do
        { printf '\n\n\n'; cat -- "$CHECK_TREE.base/$file"; } \
            >"$CHECK_TREE/$file"
    done
    check_apply_run 0 "${DATA[release]}.99.1 is none of the verified versions" \
        "the patches of $SERIES are in"
    while read -r file; do
        tail -n +4 -- "$CHECK_TREE/$file" | cmp - "$CHECK_DIR/exact/$file" || :
    done < <(series_files | grep '\.c$')
}

# The first hunk of the series in a function: patch, file, number, line and text.
check_apply_some_hunk() {
    local name
    name=$(series_names | head -n 1)
    hunks_list "$PATCH_DIR/$name" | awk -F '\t' -v name="$name" \
        '$1 ~ /\.c$/ && $5 != "" { print name "\t" $0; exit }'
}

check_apply_hunk() {
    local name file number line text
    IFS=$'\t' read -r name file number line _ text < <(check_apply_some_hunk)
    check_apply_tree
    sed -i "$line,$((line + 2))s/\$/ other/" "$CHECK_TREE/$file"
    check_apply_refused "otp_patches/$OTP/$name does not apply to OTP $OTP" \
        "$file, hunk $number (line $line), in:" "$(printf '%.70s' "$text")" \
        "docs/MAINTENANCE.md, section 2"
    [[ $(grep -c ', hunk ' "$CHECK_DIR/apply.out") == 1 ]] ||
        echo "other hunks are named, too: $(<"$CHECK_DIR/apply.out")"
}

check_apply_astray() {
    local name file number line text
    IFS=$'\t' read -r name file number line _ text < <(check_apply_some_hunk)
    check_apply_tree
    sed -i "${line}i int another_function(void)" "$CHECK_TREE/$file"
    check_apply_refused "$name applies to OTP $OTP in another function" \
        "$file, hunk $number (line $line): made for" "$(printf '%.70s' "$text")" \
        "int another_function(void)" "docs/MAINTENANCE.md, section 2"
}

check_apply_tables() {
    check_apply_tree
    echo 'ubif erlang:is_new/1 is_new_1' \
        >>"$CHECK_TREE/erts/emulator/beam/bif.tab"
    check_apply_refused "erlang:is_new/1" "docs/MAINTENANCE.md, section 3"
    check_apply_tree
    echo '999: look_anew/2' >>"$CHECK_TREE/lib/compiler/src/genop.tab"
    check_apply_refused "look_anew/2" "docs/MAINTENANCE.md, section 3"
}

check_apply_old() {
    check_apply_tree
    echo 1.2 >"$CHECK_TREE/OTP_VERSION"
    check_apply_refused "OTP 1.2 is older than all"
    rm -- "$CHECK_TREE/OTP_VERSION"
    check_apply_refused "is not the source of an Erlang/OTP"
    rm -rf -- "$CHECK_TREE"
    check_apply_run 1 "$CHECK_TREE is not a directory"
}
