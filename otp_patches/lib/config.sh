# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Where things are, and what was asked for.
#
#   $BUILD_DIR/otp/archives/     downloads, shared by all versions
#   $BUILD_DIR/otp/<OTP>/        TREE: what the emulators are made from
#     src/                       the patched tree that is compiled
#     pristine/                  unpatched copies of the files patches touch
#     work/                      git tree for editing the patches
#     bootstrap/  full/          what runtimes are laid out from, see base.sh
#     log/  stamps/
#   $BUILD_DIR/otp/<OTP>-stock/  TREE of PATCHES=none: the same, unpatched; its
#                                runtime is laid out from the other's full/
#   $BUILD_DIR/otp/<OTP>-arm64/  TREE of ARCH=arm64 on another machine, see
#                                cross.sh; -stock-arm64 with PATCHES=none
#   TREE, TREE-emu, TREE-debug   OTP_HOME: the runtimes (bin, lib, erts-*, ...)
#
# The flavors and types of an emulator are compiled in one tree, and each has a
# runtime of its own.

DEFAULT_OTP=25.2.3
SERIES=             # whose patches are used, see series.sh
declare -A DATA     # the values of otp_patches/<SERIES>/source

config_init() {
    umask 022
    export LC_ALL=C
    REPO=$(dirname -- "$TOOLKIT")
    OTP_GIVEN=${OTP:-}
    FLAVOR=${FLAVOR:-jit}
    TYPE=${TYPE:-opt}
    PATCHES=${PATCHES:-all}
    cross_init
    JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}
    BUILD_DIR=${BUILD_DIR:-_build}
    OTP_SRC=${OTP_SRC:-}
    OTP_TARBALLS=${OTP_TARBALLS:-}
    FULL=${FULL:-}
    case $BUILD_DIR in /*) ;; *) BUILD_DIR=$REPO/$BUILD_DIR ;; esac

    case $FLAVOR in jit|emu) ;; *)
        die "FLAVOR=$FLAVOR is not known; write FLAVOR=jit or FLAVOR=emu." ;;
    esac
    case $TYPE in opt|debug|valgrind) ;; *)
        die "TYPE=$TYPE is not known; write TYPE=opt, debug or valgrind." ;;
    esac
    case $PATCHES in all|none) ;; *)
        die "PATCHES=$PATCHES is not known; write PATCHES=all or PATCHES=none." ;;
    esac
    [[ $JOBS =~ ^[1-9][0-9]*$ ]] ||
        die "JOBS=$JOBS is not a positive number."
    # What is asked for, or else the release that OTP_SRC holds.
    if [[ -z ${OTP:-} && -n $OTP_SRC ]]; then
        OTP=$(source_version "$OTP_SRC") || exit 1
    fi
    OTP=${OTP:-$DEFAULT_OTP}
    series_choose
    PATCH_DIR=$TOOLKIT/$SERIES
    [[ -f $PATCH_DIR/series ]] ||
        die "otp_patches/$SERIES/series is missing; it lists the patches in order."
    config_places
    config_values
}

config_places() {
    PATCHED=$BUILD_DIR/otp/$OTP
    TREE=$PATCHED
    [[ $PATCHES == all ]] || TREE+=-stock
    TREE+=${CROSS:+-$ARCH}
    VARIANT=
    [[ $FLAVOR == jit ]] || VARIANT+=-$FLAVOR
    [[ $TYPE == opt ]] || VARIANT+=-$TYPE
    OTP_HOME=$TREE$VARIANT
    ARCHIVES=$BUILD_DIR/otp/archives
    SRC=$TREE/src PRISTINE=$TREE/pristine WORK=$TREE/work
    LOGS=$TREE/log STAMPS=$TREE/stamps
}

config_values() {
    local key value
    for key in erts_version release compile_steps disk_mb \
               debian_source debian_version debian_archive debian_sha256; do
        value=$(config_data "$key") || exit 1
        DATA[$key]=$value
    done
    # The release archive is named where its sha256 was seen in two places.
    for key in upstream_archive upstream_sha256 upstream_url debian_suite; do
        DATA[$key]=$(config_data "$key" optional)
    done
    if is_other_release || [[ -d $OTP_SRC ]]; then config_measure; fi
}

# The numbers that a source's own files say, where no data file was made for it.
config_measure() {
    local from version=
    for from in ${OTP_SRC:+"$OTP_SRC"} "$SRC" "$PATCHED/src"; do
        version=$(source_member "$from" erts/vsn.mk | sed -n 's/^VSN *= *//p')
        [[ -z $version ]] || break
    done
    [[ $version =~ ^[0-9]+(\.[0-9]+)*$ ]] ||
        die "${OTP_SRC:-$SRC} has no version of ERTS in erts/vsn.mk."
    DATA[erts_version]=$version
    DATA[release]=${OTP%%.*}
}

config_versions() {
    local file
    for file in "$TOOLKIT"/*/source; do
        basename -- "$(dirname -- "$file")"
    done | paste -sd' '
}

# config_data KEY [optional]: a value of otp_patches/<SERIES>/source.
config_data() {
    local value
    value=$(sed -n "s/^$1=//p" "$PATCH_DIR/source")
    [[ -n $value || -n ${2-} ]] ||
        die "otp_patches/$SERIES/source has no line $1=..."
    printf '%s\n' "$value"
}

# The file names of the series, in order. A stock emulator has none.
series_names() {
    [[ $PATCHES == all ]] || return 0
    sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$PATCH_DIR/series"
}

# What goes into a message: "25.2.3" or "25.2.3-emu-debug".
build_name() { basename -- "$OTP_HOME"; }

make_home() { mkdir -p -- "$OTP_HOME" "$LOGS" "$STAMPS" "$ARCHIVES"; }

stamp_is() { [[ -f $STAMPS/$1 && $(<"$STAMPS/$1") == "$2" ]]; }
stamp_set() {
    printf '%s\n' "$2" >"$STAMPS/$1.new"
    mv -f -- "$STAMPS/$1.new" "$STAMPS/$1"
}
stamp_drop() { rm -f -- "$STAMPS/$1"; }

# One build at a time in a tree; the second one waits for the first.
take_lock() {
    make_home
    exec 9>"$TREE/.lock"
    flock -n 9 && return 0
    say "another build of OTP $OTP is running here; waiting for it."
    flock 9
}

# The tree, and all runtimes that were made from it.
cmd_clean() {
    local home
    take_lock
    find "$TREE" -mindepth 1 -maxdepth 1 ! -name .lock -exec rm -rf {} +
    for home in "$TREE"-{emu,debug,valgrind,emu-debug,emu-valgrind}; do
        rm -rf -- "$home"
    done
    say "removed $TREE (downloads stay in $ARCHIVES)."
}
