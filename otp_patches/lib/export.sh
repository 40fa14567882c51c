# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Commits back to patch files. Nothing in them depends on the time, on commit
# hashes, on git's version or settings: the same commit gives the same bytes.

# export_patch DIR COMMIT
export_patch() {
    local subject body
    subject=$(plain_git -C "$1" log -1 --format=%s "$2")
    body=$(plain_git -C "$1" log -1 --format=%b "$2")
    printf 'From: seccomp for the BEAM\nSubject: %s\n\n' "$subject"
    if [[ -n $body ]]; then printf '%s\n' "$body"; fi
    printf -- '---\n'
    plain_git -C "$1" diff --no-color --no-ext-diff --no-renames --no-textconv \
        --stat=72 --patch --abbrev=12 --unified=3 --diff-algorithm=myers \
        --indent-heuristic --src-prefix=a/ --dst-prefix=b/ "$2^" "$2"
}

export_commits() { plain_git -C "$1" rev-list --reverse base..HEAD; }

cmd_refresh() {
    local commit name names=() subject position=0 old_names=() file
    need_tools git
    [[ -d $WORK/.git ]] ||
        die "there is no work tree." "Make one with: otp_patches/otp work"
    [[ -z $(plain_git -C "$WORK" status --porcelain --untracked-files=no) ]] ||
        die "$WORK has changes that are not committed." \
            "Commit them, one commit per patch."
    mapfile -t old_names < <(series_names)
    while read -r commit; do
        subject=$(plain_git -C "$WORK" log -1 --format=%s "$commit")
        name=$(refresh_name "$subject" "$position" "${old_names[@]}")
        [[ " ${names[*]-} " != *" $name "* ]] ||
            die "two commits would both be written to $name; reword one:" \
                "$subject"
        names+=("$name")
        position=$((position + 1))
        export_patch "$WORK" "$commit" >"$PATCH_DIR/$name.new"
        mv -f -- "$PATCH_DIR/$name.new" "$PATCH_DIR/$name"
    done < <(export_commits "$WORK")
    refresh_series "${names[@]+"${names[@]}"}"
    for file in "${old_names[@]+"${old_names[@]}"}"; do
        [[ " ${names[*]-} " == *" $file "* ]] && continue
        rm -f -- "$PATCH_DIR/$file"
        say "removed $file, it has no commit any more"
    done
    say "${#names[@]} patches written to otp_patches/$OTP"
}

# A commit keeps the name of the patch with its subject; failing that, of the
# patch in its place, when no other commit has that one's subject; a new one is
# called as in another version, or named after its subject.
refresh_name() {
    local subject=$1 position=$2 name stored
    shift 2
    for name; do
        [[ -f $PATCH_DIR/$name ]] || continue
        [[ $(patch_subject "$name") == "$subject" ]] || continue
        printf '%s\n' "$name"
        return 0
    done
    name=${*:position+1:1}
    if [[ -n $name && -f $PATCH_DIR/$name ]]; then
        stored=$(patch_subject "$name")
        if ! grep -qxF -- "$stored" \
                <(plain_git -C "$WORK" log --format=%s base..HEAD); then
            printf '%s\n' "$name"
            return 0
        fi
    fi
    # As another version calls it.
    for name in "$TOOLKIT"/*/*.patch; do
        [[ $(sed -n '/^Subject: /{s///p;q}' "$name") == "$subject" ]] ||
            continue
        basename -- "$name"
        return 0
    done
    printf '%04d-%s.patch\n' "$(((position + 1) * 10))" \
        "$(printf %s "$subject" | tr '[:upper:]' '[:lower:]' |
            sed -E 's/[^a-z0-9]+/-/g; s/^-|-$//g' | cut -c1-50)"
}

patch_subject() { sed -n '/^Subject: /{s///p;q}' "$PATCH_DIR/$1"; }

# Comments at the head of the series stay.
refresh_series() {
    {
        sed -n '/^#/!q;p' "$PATCH_DIR/series"
        if (($#)); then printf '%s\n' "$@"; fi
    } >"$PATCH_DIR/series.new"
    mv -f -- "$PATCH_DIR/series.new" "$PATCH_DIR/series"
}
