# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Carries patches over from one version of OTP to another: each commit of the
# older version's work tree is picked into that of the newer one, as a
# three-way merge between what the patch saw, what it made of it, and the newer
# source. Where a person has to decide, git leaves its markers.

cmd_port() {
    local old=$1 old_work old_head commit subject
    need_tools git tar patch
    old_work=$BUILD_DIR/otp/$old/port
    rm -rf -- "$old_work"
    # Not its work tree, which may hold what somebody has not stored yet.
    (OTP=$old OTP_SRC='' && config_init && WORK=$old_work && cmd_work)
    [[ -d $WORK/.git ]] || "$TOOLKIT/otp" work
    [[ ! -e $WORK/.git/CHERRY_PICK_HEAD ]] || port_explain
    [[ -z $(plain_git -C "$WORK" status --porcelain --untracked-files=no) ]] ||
        die "$WORK has changes that are not committed." \
            "Commit them, one commit per patch."
    plain_git -C "$WORK" fetch -q "$old_work" \
        "+work:refs/port/work" "+refs/tags/base:refs/port/base"
    while read -r commit; do
        subject=$(plain_git -C "$WORK" log -1 --format=%s "$commit")
        # Those that were carried over before are known by their subject.
        if grep -qxF -- "$subject" \
                <(plain_git -C "$WORK" log --format=%s base..HEAD); then
            say "is there:     $subject"
            continue
        fi
        if port_pick "$commit"; then
            say "carried over: $subject"
        else
            say "STOPPED AT:   $subject"
            port_explain
        fi
    done < <(plain_git -C "$WORK" rev-list --reverse \
        refs/port/base..refs/port/work)
    port_moved
    say "all patches of $old are in $WORK." \
        "Look at what is listed above and at the whole of each change:" \
        "  git -C $WORK range-diff refs/port/base..refs/port/work base..HEAD" \
        "then: OTP=$OTP otp_patches/otp refresh"
}

port_pick() {
    plain_git -C "$WORK" -c merge.conflictStyle=diff3 \
        cherry-pick "$1" >"$LOGS/port.log" 2>&1
}

# Where the markers are, and how to go on.
port_explain() {
    local file line
    while read -r file; do
        while IFS=: read -r line _; do
            say "  $file:$line"
        done < <(grep -n '^<<<<<<< ' "$WORK/$file" 2>/dev/null || echo "?:")
    done < <(plain_git -C "$WORK" diff --name-only --diff-filter=U)
    die "a person has to decide at these places, in $WORK." \
        "docs/MAINTENANCE.md, section 2, says what to look for. Then:" \
        "  git -C $WORK add -u && OTP=$OTP otp_patches/otp pick" \
        "and run otp_patches/port again."
}

# Goes on with a pick whose markers are gone, as the toolkit's own author.
cmd_pick() {
    need_tools git
    [[ -e $WORK/.git/CHERRY_PICK_HEAD ]] ||
        die "nothing is being carried over in $WORK."
    ! grep -q '^+\(<<<<<<<\|>>>>>>>\) ' \
            <(plain_git -C "$WORK" diff --cached) ||
        die "there are markers in what was added."
    plain_git -C "$WORK" -c core.editor=true cherry-pick --continue
}

# A hunk whose context comes in many functions may have landed in another one
# and still compile: lists the hunks that git sees in other functions than
# before.
port_moved() {
    local commit twin subject
    while read -r commit; do
        subject=$(plain_git -C "$WORK" log -1 --format=%s "$commit")
        twin=$(plain_git -C "$WORK" log --format='%H %s' base..HEAD |
            awk -v s="$subject" 'substr($0, index($0, " ") + 1) == s {
                print $1 }')
        [[ -n $twin ]] || continue
        port_functions "$commit" "$twin" |
            awk -v s="$subject" 'NR == 1 { print "functions that differ in: " s }
                { print "  " $0 }'
    done < <(plain_git -C "$WORK" rev-list --reverse \
        refs/port/base..refs/port/work)
}

port_functions() {
    diff <(port_hunks "$1") <(port_hunks "$2") | sed -n 's/^\([<>]\)/\1/p'
}

port_hunks() {
    plain_git -C "$WORK" diff --no-color --no-renames -U3 "$1^" "$1" |
        awk '/^\+\+\+ / { file = substr($2, 3) }
             /^@@ / { sub(/^@@[^@]*@@ ?/, ""); print file ": " $0 }'
}
