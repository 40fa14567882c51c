# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the user sees. Everything goes to stderr: stdout belongs to the commands
# whose answer is read by other programs (path, stock).

say() { progress_clear; printf 'otp: %s\n' "$*" >&2; }

# The first argument says what is wrong, each further one is a line of help.
die() {
    progress_clear
    printf 'otp: error: %s\n' "$1" >&2
    shift
    if (($#)); then printf '     %s\n' "$@" >&2; fi
    exit 1
}

BUILD_CHILD=    # what an interrupted build must end
PROGRESS_OPEN=
PROGRESS_LAST=-1

# One line that changes in place on a terminal.
progress_line() {
    [[ -t 2 ]] || return 0
    PROGRESS_OPEN=1
    printf '\r\033[K%s' "$1" >&2
}

progress_clear() {
    [[ -n $PROGRESS_OPEN ]] || return 0
    PROGRESS_OPEN=
    printf '\r\033[K' >&2
}

# progress_count DONE TOTAL NAME; TOTAL is 0 when it is not known. Elsewhere
# than on a terminal a line is printed for each tenth only.
progress_count() {
    local done=$1 total=$2 name=$3 percent
    if ((total == 0)); then
        progress_line "[$done] $name"
        if [[ ! -t 2 ]] && ((done % 20 == 1)); then
            printf '[%d] %s\n' "$done" "$name" >&2
        fi
        return 0
    fi
    ((done < total)) || done=$total
    percent=$((done * 100 / total))
    if [[ -t 2 ]]; then
        progress_line "$(printf '[%3d%%] %d/%d %s' \
            "$percent" "$done" "$total" "$name")"
    elif ((percent / 10 != PROGRESS_LAST)); then
        PROGRESS_LAST=$((percent / 10))
        printf '[%3d%%] %d/%d %s\n' "$percent" "$done" "$total" "$name" >&2
    fi
}

# run_logged LOG WHAT COMMAND...: output goes to LOG, a failure shows its end.
run_logged() {
    local log=$1 what=$2
    shift 2
    progress_line "$what"
    # In the background, since bash heeds a signal during "wait" only.
    ("$@") >"$log" 2>&1 &
    BUILD_CHILD=$!
    if wait "$BUILD_CHILD"; then BUILD_CHILD= && progress_clear; return 0; fi
    die_with_log "$what" "$log"
}

# A full disk is told apart: its traces in a compiler's log are easily misread.
die_with_log() {
    local what=$1 log=$2
    progress_clear
    if grep -q 'No space left on device' "$log" || disk_is_full; then
        die "$what failed: the disk is full." \
            "$(disk_line)" \
            "Free some space or set BUILD_DIR= to another disk; log: $log"
    fi
    tail -n 15 "$log" | sed 's/^/   | /' >&2
    die "$what failed; the whole log: $log"
}

disk_free_mb() { df -Pm -- "$1" | awk 'NR == 2 { print $4 }'; }
disk_is_full() { (($(disk_free_mb "$OTP_HOME") < 2)); }
disk_line() { echo "$OTP_HOME has $(disk_free_mb "$OTP_HOME") MB left."; }
