# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A git tree of the parts of OTP that patches touch: one commit with the
# unpatched files, then one commit per patch, whose message is the patch's
# header.

# git, untouched by the user's settings: the same patches come out everywhere.
plain_git() {
    env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE \
        GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null HOME=/nonexistent \
        GIT_AUTHOR_NAME="seccomp for the BEAM" GIT_AUTHOR_EMAIL=none \
        GIT_COMMITTER_NAME="seccomp for the BEAM" GIT_COMMITTER_EMAIL=none \
        GIT_AUTHOR_DATE="2000-01-01T00:00:00Z" \
        GIT_COMMITTER_DATE="2000-01-01T00:00:00Z" \
        git -c core.autocrlf=false -c core.fileMode=true \
            -c commit.gpgSign=false -c gc.auto=0 "$@"
}

cmd_work() {
    local new=$TREE/work.new
    need_tools git tar patch
    take_lock
    [[ ! -e $WORK ]] || die "$WORK exists." \
        "Work in it, then: otp_patches/otp refresh" "Or remove it to start anew."
    source_locate
    rm -rf -- "$new"
    mkdir -p -- "$new"
    work_unpack "$new" erts lib/kernel lib/stdlib OTP_VERSION
    work_base "$new"
    work_import "$new"
    mv -- "$new" "$WORK"
    say "work tree: $WORK" \
        "(commit there, one commit per patch, then: otp_patches/otp refresh)"
}

# work_unpack DIR PATH...: unpatched files from the source.
work_unpack() {
    local dir=$1 top
    shift
    if [[ $SOURCE_KIND == directory ]]; then
        (cd -- "$SOURCE_PATH" && tar -cf - -- "$@") |
            tar -xf - -C "$dir"
        return
    fi
    # The leading directory is called differently in each archive.
    top=$(set +o pipefail
        tar -tf "$SOURCE_PATH" 2>/dev/null | sed -n '1s,/.*,,p;1q')
    run_logged "$LOGS/work.log" "unpacking $(basename -- "$SOURCE_PATH")" \
        tar -xf "$SOURCE_PATH" -C "$dir" --strip-components=1 \
            --no-same-owner -- "${@/#/$top/}"
}

work_base() {
    plain_git -C "$1" init -q -b work
    plain_git -C "$1" add -A -f
    plain_git -C "$1" commit -q --allow-empty -m "Erlang/OTP $OTP, unpatched"
    plain_git -C "$1" tag base
}

work_import() {
    local name log=$LOGS/import.log
    while read -r name; do
        progress_line "importing $name"
        plain_git -C "$1" apply --index --whitespace=nowarn \
            "$PATCH_DIR/$name" >"$log" 2>&1 ||
            die "otp_patches/$SERIES/$name does not apply:" "$(<"$log")"
        patch_message "$PATCH_DIR/$name" |
            plain_git -C "$1" commit -q --cleanup=verbatim -F -
    done < <(series_names)
    progress_clear
}

# The commit message of a patch file: its subject and its text.
patch_message() {
    awk '
        /^---$/ { exit }
        !body && /^Subject: / { sub(/^Subject: /, ""); print; next }
        !body && /^$/ { body = 1; print; next }
        body { print }' "$1" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
}
