# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# lint: our C files once more, with more warnings than OTP asks for, all of
# them errors. The compiler gets what it got in the build.

cmd_lint() {
    local file top object command
    need_tools make cc
    take_lock
    top=$(tree_top)
    [[ -f $STAMPS/compiled$VARIANT ]] ||
        die "OTP $(build_name) is not built." "Build it with: make otp"
    for file in "$TOOLKIT"/common/*.c; do
        object=$(basename -- "$file" .c).o
        command=$(lint_command "$top" "$object")
        [[ -n $command ]] || die "make does not compile $(basename -- "$file")."
        (cd -- "$top/erts/emulator" && bash -c "$command -Wall -Wextra \
            -Wno-unused-parameter -Wno-old-style-declaration -Wno-sign-compare \
            -Werror -fsyntax-only") ||
            die "$(basename -- "$file") has warnings, see above."
        say "$(basename -- "$file") compiles with -Wall -Wextra -Werror"
    done
}

# lint_command TREE OBJECT: how make would compile it, without the output.
lint_command() {
    (in_tree "$1" make -C erts/emulator -f "$(tree_triple)/Makefile" \
        TYPE="$TYPE" FLAVOR="$FLAVOR" V=1 -n -W "beam/${2%.o}.c" 2>/dev/null) |
        sed -n "s,^\(.*\) -o [^ ]*/$2\$,\1,p" | head -n 1
}
