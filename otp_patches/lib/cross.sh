# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# ARCH=arm64 where this machine is of another kind: the emulator is cross-built,
# and qemu's user mode runs it. All else that a runtime is made of is taken from
# this machine's own build: what Erlang compiles is the same everywhere, and a
# program that the emulator starts need not be of its kind. Not so libraries
# that are loaded into it: crypto and the other NIFs of OTP are of no use there.

QEMU=           # the program that runs what is for another machine
CROSS_ENV=()    # what it is configured under
CROSS_MAKE=()   # what make is told in a tree for another machine

# cross_init: sets ARCH, and CROSS to the prefix of the cross compiler's tools,
# or to nothing where what is built is for this machine.
cross_init() {
    local here
    here=$(cross_name "$(uname -m)")
    ARCH=$(cross_name "${ARCH:-$here}")
    CROSS=
    [[ $ARCH != "$here" ]] || return 0
    [[ $ARCH == arm64 ]] ||
        die "ARCH=$ARCH is not known on this machine; write ARCH=arm64."
    CROSS=aarch64-linux-gnu
}

# Debian's names.
cross_name() {
    case $1 in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 ;;
        *) printf '%s\n' "$1" ;;
    esac
}

# cross_prepare: before anything else is built for another machine.
cross_prepare() {
    QEMU=$("$REPO/scripts/cross-tools" qemu) || exit
    env ARCH= FLAVOR=jit TYPE=opt PATCHES=all \
        "$TOOLKIT/otp" build || exit
}

# cross_base: sets BASE and BASE_ROOT where the host's OTP does not serve.
cross_base() {
    BASE=full BASE_ROOT=$PATCHED/full
    [[ -e $PATCHED/stamps/full ]] || BASE=bootstrap BASE_ROOT=$PATCHED/bootstrap
}

# cross_configure: turns CONFIGURE_OPTIONS into those for the other machine,
# whose compiler finds the C library alone, and sets CROSS_MAKE: the makefiles
# would take the target for this machine, and look for a program of OTP that
# makes C code beside the first erl in PATH, where no installed Erlang has it.
cross_configure() {
    local build ycf
    build=$(sh "$SRC/make/autoconf/config.guess")
    CONFIGURE_OPTIONS=(--host="$CROSS" --without-javac --without-odbc
        --without-wx --without-ssl --without-termcap
        --build="$build")
    ycf=$PATCHED/src/erts/lib_src/yielding_c_fun/bin/$build/yielding_c_fun
    CROSS_MAKE=(TARGET="$(tree_triple)" YCF_EXECUTABLE_PATH="$ycf")
    # What the user has set is for this machine.
    CROSS_ENV=(env -u CFLAGS -u CXXFLAGS -u LDFLAGS CC="$CROSS-gcc"
        CXX="$CROSS-g++" AR="$CROSS-ar" RANLIB="$CROSS-ranlib"
        LD="$CROSS-gcc" erl_xcomp_sysroot="/usr/$CROSS")
}

# cross_wrap BIN: the emulator in that directory is started by qemu.
cross_wrap() {
    local bin=$1
    mv -- "$bin/beam.smp" "$bin/beam.smp.$ARCH"
    cp -- "$TOOLKIT/runtime/beam.smp.qemu" "$bin/beam.smp"
    chmod 755 -- "$bin/beam.smp"
    sed -i "s/@ARCH@/$ARCH/; s,@QEMU@,$QEMU,; s/@CROSS@/$CROSS/" \
        "$bin/beam.smp"
    # The helper of emulators that are not of the type opt, by its name there.
    [[ $TYPE == opt ]] ||
        cp -f -- "$bin/erl_child_setup" "$bin/erl_child_setup$(type_marker)"
}
