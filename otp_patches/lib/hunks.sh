# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What became of the hunks of a patch: which did not apply, where each landed,
# and whether that is the function it was made for. Hunks may be found some
# lines away; a context that comes in many functions may then be found in the
# wrong one, and the emulator would compile all the same.

# hunks_list PATCH: file, number, first line before, first line after, and the
# function that git saw above it, with tabs between.
hunks_list() {
    awk '
        left_old > 0 || left_new > 0 {
            mark = substr($0, 1, 1)
            if (mark == "-") left_old--
            else if (mark == "+") left_new--
            else if (mark != "\\") { left_old--; left_new-- }
            next
        }
        /^(---|\+\+\+) [ab]\// {
            file = $2; sub(/^[ab]\//, "", file); number = 0; next
        }
        /^@@ / {
            split($2, old, ","); split($3, new, ",")
            left_old = ($2 ~ /,/) ? old[2] : 1
            left_new = ($3 ~ /,/) ? new[2] : 1
            text = $0; sub(/^@@ [^@]*@@ ?/, "", text)
            printf "%s\t%d\t%d\t%d\t%s\n", file, ++number,
                -old[1], new[1], text
        }' "$1"
}

# hunks_told LOG: file, number and what patch --verbose said of each.
hunks_told() {
    awk '
        /^(patching|checking) file / {
            file = $3; gsub(/^\047|\047$/, "", file); next
        }
        /^Hunk #[0-9]+ / {
            number = substr($2, 2); text = $0; sub(/^Hunk #[0-9]+ /, "", text)
            printf "%s\t%d\t%s\n", file, number, text
        }' "$1"
}

# hunks_failed PATCH LOG DIR: a line for each hunk that did not apply, and one
# for the function it stands in.
hunks_failed() {
    local file number line text told
    local -A fate=()
    while IFS=$'\t' read -r file number told; do
        fate[$file:$number]=$told
    done < <(hunks_told "$2")
    while IFS=$'\t' read -r file number line _ text; do
        told=${fate[$file:$number]-}
        [[ $told != succeeded* || $told == *fuzz* ]] || continue
        if ((line > 0)) && [[ ! -e $3/$file ]]; then
            ((number > 1)) || printf '%s: this source has no such file\n' "$file"
            continue
        fi
        printf '%s, hunk %d (line %d)%s\n' "$file" "$number" "$line" \
            "${text:+, in:}"
        [[ -z $text ]] || printf '  %.70s\n' "$text"
    done < <(hunks_list "$1")
}

# hunks_astray PATCH LOG BEFORE: some lines for each hunk that went into another
# function than it was made for. BEFORE holds the files as they were: the last
# line there that begins with a letter is what git writes behind @@. Tables have
# no functions.
hunks_astray() {
    awk -F '\t' -v dir="$3" '
        FNR == NR { told[$1 ":" $2] = $3; next }
        $1 !~ /\.(c|h|cpp|hpp)$/ || $3 == 0 { next }
        $1 != open {
            if (open != "") close(dir "/" open)
            open = $1; at = 0; found = ""
        }
        {
            place = told[$1 ":" $2]; sub(/^succeeded at /, "", place)
            goal = $3 + place - $4
            while (at < goal - 1 && (getline line < (dir "/" open)) > 0) {
                at++
                if (line ~ /^[A-Za-z_$]/) found = line
            }
            found = substr(found, 1, 80); sub(/[ \t\r]+$/, "", found)
            text = $0
            for (i = 0; i < 4; i++) sub(/^[^\t]*\t/, "", text)
            if (found != text)
                printf "%s, hunk %d (line %d): made for\n  %.70s\n" \
                    "but found in\n  %.70s\n", $1, $2, $3, text, found
        }' <(hunks_told "$2") <(hunks_list "$1")
}
