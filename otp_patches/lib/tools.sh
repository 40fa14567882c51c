# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Programs that must be there, told all at once and before any work is done.

# need_tools NAME...
need_tools() {
    local tool missing=() packages=()
    for tool; do
        case $tool in
            cc|c++) have_compiler "$tool" && continue ;;
            *)   have_any "$tool" && continue ;;
        esac
        missing+=("$tool")
        packages+=("$(tool_package "$tool")")
    done
    ((${#missing[@]} == 0)) && return 0
    die "missing: ${missing[*]}" \
        "Install what is missing with scripts/deps, or by hand:" \
        "  apt-get install ${packages[*]}"
}

have_compiler() {
    case ${CROSS:+cross-}$1 in
        cc) have_any "${CC:-gcc}" cc clang ;;
        c++) have_any "${CXX:-g++}" c++ clang++ ;;
        cross-cc) have_any "$CROSS-gcc" ;;
        cross-c++) have_any "$CROSS-g++" ;;
    esac
}

have_any() {
    local name
    for name; do
        # $CC may hold options after the name.
        command -v "${name%% *}" >/dev/null 2>&1 && return 0
    done
    return 1
}

tool_package() {
    case $1 in
        cc)  echo "gcc${CROSS:+-$CROSS}" ;;
        c++) echo "g++${CROSS:+-$CROSS}" ;;
        xz)  echo xz-utils ;;
        flock|setsid) echo util-linux ;;
        sha256sum|readlink|nproc) echo coreutils ;;
        awk) echo mawk ;;
        find) echo findutils ;;
        cmp) echo diffutils ;;
        *)   echo "$1" ;;
    esac
}
