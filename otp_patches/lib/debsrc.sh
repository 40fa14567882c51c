# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The Debian source package without touching the system: deb-src entries are
# derived from the machine's own apt configuration, so that its mirrors, keys
# and proxies are used, and apt's lists and caches lie in a directory of ours.

debsrc_usable() {
    if ! command -v apt-get >/dev/null; then
        WHY_NOT="this machine has no apt-get"
        return 1
    fi
}

# debsrc_fetch_package LOG DIR: the whole source package; apt checks its files.
debsrc_fetch_package() {
    local log=$1 into=$2 dir version
    dir=$(mktemp -d -- "$OTP_HOME/apt.XXXXXX") || return 1
    version=
    if debsrc_prepare "$dir" >"$log" 2>&1; then
        version=$(debsrc_version "$dir" 2>>"$log")
        if [[ -z $version ]]; then
            WHY_NOT="the mirrors have no ${DATA[debian_source]}"
            WHY_NOT+=" ${DATA[debian_version]}*"
        elif (mkdir "$dir/get" && cd -- "$dir/get" &&
                debsrc_apt "$dir" apt-get source --download-only \
                    "${DATA[debian_source]}=$version") >>"$log" 2>&1; then
            mv -- "$dir"/get/* "$into/" 2>>"$log" || :
        fi
    fi
    rm -rf -- "$dir"
    compgen -G "$into/*.dsc" >/dev/null
}

debsrc_prepare() {
    local dir=$1
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/sources"
    debsrc_list "$dir/sources"
    debsrc_apt "$dir" apt-get update -q
    # Unreachable mirrors are only a warning to apt-get update.
    [[ -n $(find "$dir/lists" -name '*_Sources*' -print -quit) ]]
}

debsrc_apt() {
    local dir=$1
    shift
    # The directory may be closed to apt's own user, hence the sandbox option.
    "$@" -o "Dir::Etc::sourcelist=/dev/null" \
        -o "Dir::Etc::sourceparts=$dir/sources" \
        -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" \
        -o "APT::Sandbox::User=$(id -un)" -o "Acquire::Languages=none" \
        -o "Acquire::http::Timeout=20" -o "Acquire::https::Timeout=20" \
        -o "Acquire::Retries=1"
}

debsrc_version() {
    debsrc_apt "$1" apt-cache showsrc "${DATA[debian_source]}" |
        awk -v prefix="${DATA[debian_version]}" \
            '$1 == "Version:" && index($2, prefix) == 1 { print $2 }' |
        sort -V | tail -n 1
}

# Writes deb-src copies of the entries that serve Debian's or Ubuntu's erlang;
# other repositories would only cost time and may have no sources at all.
debsrc_list() {
    local out=$1 file uris
    uris=$(apt-cache madison erlang-base 2>/dev/null |
        awk -F'|' '{ split($3, part, " "); sub("/+$", "", part[1])
                     print part[1] }' |
        sort -u)
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        case $file in
            *.list) [[ -f $file ]] && debsrc_oneline "$file" ;;
        esac
    done | debsrc_keep_lines "$uris" | sort -u >"$out/derived.list"
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ -f $file ]] || continue
        debsrc_stanzas "$file" "$uris"
    done >"$out/derived.sources"
}

debsrc_oneline() {
    sed -nE 's/^[[:space:]]*deb(-src)?[[:space:]]+/deb-src /p' "$1"
}

# Lines whose address is one of $1; all of them when $1 is empty.
debsrc_keep_lines() {
    awk -v uris="$1" '
        BEGIN { n = split(uris, want, "\n") }
        n == 0 { print; next }
        { for (f = 2; f <= NF; f++) {
              uri = $f; sub("/+$", "", uri)
              for (i = 1; i <= n; i++) if (uri == want[i]) { print; next }
          } }'
}

# Stanzas of a deb822 file, turned into deb-src, chosen as above.
debsrc_stanzas() {
    awk -v uris="$2" '
        BEGIN { RS = ""; ORS = "\n\n"; n = split(uris, want, "\n") }
        /(^|\n)Enabled:[ \t]*(no|false)/ { next }
        {   keep = (n == 0)
            m = split($0, word, /[ \t\n]+/)
            for (w = 1; w <= m; w++) {
                uri = word[w]; sub("/+$", "", uri)
                for (i = 1; i <= n; i++) if (uri == want[i]) keep = 1
            }
            if (!keep) next
            if (!sub(/(^|\n)Types:[^\n]*/, "\nTypes: deb-src")) next
            sub(/^\n/, ""); print
        }' "$1"
}
