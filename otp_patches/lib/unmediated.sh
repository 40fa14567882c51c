# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# unmediated: what loaded code can do without passing an export entry, and so
# without a policy being asked. Read from the tables of the loaders and of the
# compiler: BIFs that are operators or guards (bif.tab), calls that a loader
# turns into instructions (ops.tab), all instructions there are (genop.tab).
# Two files are made: unmediated.txt, which tests read (function, tab, how it is
# executed), and a page for readers, with the reasons of unmediated.why. One
# list holds for all flavors: what is an instruction in any of them is on it.

# The loaders' tables of the flavors that enforce policies.
UNMEDIATED_LOADERS=(jit/x86/ops.tab jit/arm/ops.tab emu/ops.tab)

# Functions whose instruction leads to a check after all.
UNMEDIATED_ASKS='erlang:apply/2 erlang:apply/3 erlang:load_nif/2'

UNMEDIATED_FILES=(erts/emulator/beam/bif.tab
    "${UNMEDIATED_LOADERS[@]/#/erts/emulator/beam/}"
    lib/compiler/src/genop.tab)

# The page of the first version has no number in its name.
unmediated_file() {
    local name=unmediated
    [[ $OTP == "$DEFAULT_OTP" ]] || name+=-${DATA[release]}
    printf '%s\n' "$REPO/docs/$name.md"
}

cmd_unmediated() {
    local page
    page=$(unmediated_file)
    take_lock
    [[ -f $SRC/erts/emulator/beam/bif.tab ]] ||
        die "OTP $OTP is not unpacked." "Build it with: make otp"
    unmediated "$SRC" >"$PATCH_DIR/unmediated.txt.new"
    mv -f -- "$PATCH_DIR/unmediated.txt.new" "$PATCH_DIR/unmediated.txt"
    unmediated_page "$SRC" >"$page.new" ||
        die "a reason is missing in otp_patches/unmediated.why."
    mv -f -- "$page.new" "$page"
    say "$(wc -l <"$PATCH_DIR/unmediated.txt") functions in" \
        "otp_patches/$OTP/unmediated.txt, the page is ${page#"$REPO/"}"
}

# unmediated TREE
unmediated() {
    local beam=$1/erts/emulator/beam
    local loaders=("${UNMEDIATED_LOADERS[@]/#/$beam/}")
    {
        # ubif erlang:'+'/2 splus_2
        awk '$1 == "ubif" { gsub("\047", "", $2)
                            print $2 "\toperator or guard BIF" }' \
            "$beam/bif.tab"
        # bif1 p Bif=u$bif:erlang:get/1 ...; operators have names of their own
        grep -ohE 'u\$bif:[a-z_]+:[a-z_]+/[0-9]' "${loaders[@]}" |
            sed -nE 's,^u\$bif:(erlang:(get)/[0-9])$,\1\tinstruction,p'
        # call_ext u==3 u$func:erlang:hibernate/3 => i_hibernate
        grep -hE '^call_ext ' "${loaders[@]}" |
            sed -nE 's,.*u\$func:([a-z_]+:[a-z_]+/[0-9]).*,\1\tinstruction,p'
    } | awk -F '\t' -v asks=" $UNMEDIATED_ASKS " \
        'index(asks, " " $1 " ") == 0' | LC_ALL=C sort -u
}

# unmediated_page TREE: Markdown. Status 1, and a line on stderr, for each thing
# that no reason fits.
unmediated_page() {
    local status=0
    cat <<TEXT
# What no policy is asked about

Made by \`otp_patches/otp unmediated\` from the tables of OTP $OTP: do not edit.
\`make patch-check\` fails when it does not fit them.

Calls that leave a module pass an export entry, and are checked there. What
follows does not. It holds for code that OTP's compiler has made; a module made
by hand is native code, see \`threat-model.md\`.

## Functions

Called directly, with their names in the code, these are instructions. Through
\`apply\`, a fun or as the first function of a process they are checked.

| function | what it reaches |
| --- | --- |
TEXT
    cut -f 1 "$PATCH_DIR/unmediated.txt" | unmediated_reasons || status=1
    cat <<'TEXT'

## Instructions

All that the compiler writes. Those that ask are in the list for completeness.

| instructions | what they reach |
| --- | --- |
TEXT
    # 7: call_ext/2; those that the loader takes no more have a minus.
    sed -nE 's,^[0-9]+: ([a-z][a-z0-9_]*/[0-9]+)[[:space:]]*$,\1,p' \
        "$1/lib/compiler/src/genop.tab" | unmediated_reasons || status=1
    return "$status"
}

# Names on stdin, rows of a table on stdout: a row for each reason, in the order
# of the first name that it fits.
unmediated_reasons() {
    local name pattern reason found missing=0
    local -a order=()
    local -A names=()
    while read -r name; do
        found=
        while IFS=$'\t' read -r pattern reason; do
            # The pattern is one on purpose.
            # shellcheck disable=SC2053
            if [[ $pattern != \#* && -n $reason && $name == $pattern ]]; then
                found=$reason
                break
            fi
        done <"$TOOLKIT/unmediated.why"
        if [[ -z $found ]]; then
            printf 'no reason for %s\n' "$name" >&2
            missing=1
            continue
        fi
        [[ -n ${names[$found]-} ]] || order+=("$found")
        names[$found]+="${names[$found]:+, }\`$name\`"
    done
    for reason in "${order[@]}"; do
        printf '| %s | %s |\n' "${names[$reason]}" "$reason"
    done
    return "$missing"
}
