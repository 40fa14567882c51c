# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# unmediated: what loaded code can do without passing an export entry, and so
# without a policy being asked. Read from the loader's own tables: BIFs that
# are operators or guards (bif.tab), and calls that the loader turns into
# instructions (ops.tab). Each line: function, tab, how it is executed. One list
# holds for all flavors: what an instruction of one of them does must be asked
# about when it is a call in another.

# The loaders' tables of the flavors that enforce policies.
UNMEDIATED_TABLES=(jit/x86/ops.tab emu/ops.tab)

# Functions whose instruction leads to a check after all.
UNMEDIATED_ASKS='erlang:apply/2 erlang:apply/3 erlang:load_nif/2
    erlang:call_on_load_function/1'

cmd_unmediated() {
    take_lock
    [[ -f $SRC/erts/emulator/beam/bif.tab ]] ||
        die "OTP $OTP is not unpacked." "Build it with: make otp"
    unmediated "$SRC" "${UNMEDIATED_TABLES[0]}" >"$PATCH_DIR/unmediated.txt.new"
    mv -f -- "$PATCH_DIR/unmediated.txt.new" "$PATCH_DIR/unmediated.txt"
    say "$(wc -l <"$PATCH_DIR/unmediated.txt") functions in" \
        "otp_patches/$OTP/unmediated.txt"
}

# unmediated TREE TABLE
unmediated() {
    local beam=$1/erts/emulator/beam
    {
        # ubif erlang:'+'/2 splus_2
        awk '$1 == "ubif" { gsub("\047", "", $2)
                            print $2 "\toperator or guard BIF" }' \
            "$beam/bif.tab"
        # bif1 p Bif=u$bif:erlang:get/1 ...; operators have names of their own
        grep -oE 'u\$bif:[a-z_]+:[a-z_]+/[0-9]' "$beam/$2" |
            sed -nE 's,^u\$bif:(erlang:(get)/[0-9])$,\1\tinstruction,p'
        # call_ext u==3 u$func:erlang:hibernate/3 => i_hibernate
        grep -E '^call_ext ' "$beam/$2" |
            sed -nE 's,.*u\$func:([a-z_]+:[a-z_]+/[0-9]).*,\1\tinstruction,p'
    } | awk -F '\t' -v asks=" ${UNMEDIATED_ASKS//[[:space:]]/ } " \
        'index(asks, " " $1 " ") == 0' | LC_ALL=C sort -u
}
