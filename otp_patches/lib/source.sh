# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Finds the source: OTP_SRC, OTP_TARBALLS, downloads of earlier builds, a mirror
# of Debian, the upstream archive. What the user named is taken or
# refused, never passed over in silence.

SOURCE_KIND=    # archive | directory
SOURCE_PATH=
SOURCE_ID=      # sha256 of the archive, or a fingerprint of the directory

source_locate() {
    local notes=()
    if [[ -n $OTP_SRC ]]; then
        source_from_user
        return 0
    fi
    ! is_other_release ||
        die "no source of OTP $OTP is known." \
            "Write OTP_SRC=DIRECTORY (an unpacked tree) or OTP_SRC=ARCHIVE."
    if [[ -n $OTP_TARBALLS ]]; then
        [[ -d $OTP_TARBALLS ]] ||
            die "OTP_TARBALLS=$OTP_TARBALLS is not a directory."
        source_in_folder "$OTP_TARBALLS" && return 0
        notes+=("OTP_TARBALLS=$OTP_TARBALLS: neither archive is in it")
        say "${notes[-1]}; looking elsewhere."
    fi
    source_in_folder "$ARCHIVES" && return 0

    source_from_debian && return 0
    notes+=("Debian's mirrors: $WHY_NOT")
    if [[ -n ${DATA[upstream_archive]} ]]; then
        say "${notes[-1]}; trying upstream."
        source_from_upstream && return 0
        notes+=("upstream: $WHY_NOT")
    fi
    die "no source of Erlang/OTP $OTP can be reached." "${notes[@]}" \
        "Get one of these archives and name it with OTP_SRC=FILE:" \
        ${DATA[upstream_archive]:+"  ${DATA[upstream_archive]} from ${DATA[upstream_url]}"} \
        "  ${DATA[debian_archive]} from a Debian mirror"
}

source_from_user() {
    if [[ -d $OTP_SRC ]]; then
        source_from_directory "$OTP_SRC"
    elif [[ -f $OTP_SRC ]]; then
        source_take "$OTP_SRC"
    else
        source_missing
    fi
}

# source_member PATH MEMBER: a file of a directory or an archive.
source_member() {
    if [[ -d $1 ]]; then
        cat -- "$1/$2" 2>/dev/null || :
    elif [[ -f $1 ]]; then
        # The leading directory is called differently in each archive. Ends
        # where the file was found.
        tar -xOf "$1" --wildcards --no-wildcards-match-slash --occurrence=1 \
            "*/$2" 2>/dev/null || :
    fi
}

# The release that a directory or an archive holds.
source_version() {
    local version
    version=$(source_member "$1" OTP_VERSION | head -n 1)
    [[ -e $1 ]] || source_missing
    [[ $version =~ ^[0-9][0-9a-z.-]*$ ]] ||
        die "OTP_SRC=$1 is not the source of an Erlang/OTP:" \
            "it has no OTP_VERSION, or is a damaged archive."
    printf '%s\n' "$version"
}

source_missing() {
    die "OTP_SRC=$OTP_SRC does not exist." \
        "Write OTP_SRC=DIRECTORY (an unpacked tree) or OTP_SRC=ARCHIVE."
}

source_from_directory() {
    local dir version
    dir=$(cd -- "$1" && pwd)
    [[ -f $dir/OTP_VERSION && -f $dir/erts/emulator/Makefile.in ]] ||
        die "OTP_SRC=$1 is not an Erlang/OTP source tree:" \
            "it has no OTP_VERSION or no erts/emulator/Makefile.in."
    version=$(<"$dir/OTP_VERSION")
    [[ $version == "$OTP" ]] ||
        die "OTP_SRC=$1 holds OTP $version, but OTP=$OTP is asked for." \
            "Give the tree of OTP $OTP, or leave out OTP=."
    say "source: $dir, not verified (a directory has no sha256)."
    SOURCE_KIND=directory SOURCE_PATH=$dir
    SOURCE_ID=$(cd -- "$dir" && find erts make -type f \
        -printf '%p %s %T@\n' | sort | sha256sum | cut -d' ' -f1)
}

cmd_source() {
    make_home
    source_locate
    printf '%s\n' "$SOURCE_PATH"
}

# A folder that may hold one of the two archives.
source_in_folder() {
    local name
    for name in "${DATA[debian_archive]}" "${DATA[upstream_archive]}"; do
        [[ -n $name && -f $1/$name ]] || continue
        source_take "$1/$name"
        return 0
    done
    return 1
}

source_take() {
    local sum
    sum=$(sha256sum -- "$1" | cut -d' ' -f1)
    if ! is_other_release; then
        source_sum_known "$sum" || source_refuse "$1" "$sum"
    else
        say "source: $1, not verified (no sha256 of OTP $OTP is known)."
    fi
    SOURCE_KIND=archive SOURCE_PATH=$1 SOURCE_ID=$sum
}

# Whether a SOURCE_ID is that of one of the archives the tests ran on.
source_is_verified() { ! is_other_release && source_sum_known "$1"; }

source_sum_known() {
    [[ $1 == "${DATA[debian_sha256]}" ||
       ($1 == "${DATA[upstream_sha256]}" && -n $1) ]]
}

source_refuse() {
    local name expected
    name=$(basename -- "$1")
    case $name in
        "${DATA[debian_archive]}")   expected=${DATA[debian_sha256]} ;;
        "${DATA[upstream_archive]}") expected=${DATA[upstream_sha256]} ;;
        *) die "$1 is not an accepted archive of OTP $OTP." \
               "its sha256: $2" \
               "accepted:   ${DATA[debian_sha256]}  ${DATA[debian_archive]}" \
               ${DATA[upstream_archive]:+"            ${DATA[upstream_sha256]}  ${DATA[upstream_archive]}"} ;;
    esac
    die "$1 is damaged: its sha256 is wrong." \
        "expected: $expected" "found:    $2" \
        "Remove the file and get it again."
}

source_from_debian() {
    local name=${DATA[debian_archive]} log=$LOGS/mirror.log
    say "fetching $name from a mirror of Debian"
    if ! mirror_fetch "e/${DATA[debian_source]}/$name" \
            "${DATA[debian_sha256]}" "$ARCHIVES/$name" "$log"; then
        WHY_NOT="$name: $(tail -n 1 "$log"), see $log"
        return 1
    fi
    source_take "$ARCHIVES/$name"
}

source_from_upstream() {
    local file=$ARCHIVES/${DATA[upstream_archive]} log=$LOGS/curl.log sum
    WHY_NOT=
    if ! command -v curl >/dev/null; then
        WHY_NOT="curl is not installed"
        return 1
    fi
    say "fetching ${DATA[upstream_url]}"
    if ! curl --fail --location --silent --show-error --retry 2 \
            --connect-timeout 15 --output "$file.part" \
            "${DATA[upstream_url]}" 2>"$log"; then
        rm -f -- "$file.part"
        WHY_NOT=$(tail -n 1 "$log")
        return 1
    fi
    sum=$(sha256sum -- "$file.part" | cut -d' ' -f1)
    if [[ $sum != "${DATA[upstream_sha256]}" ]]; then
        rm -f -- "$file.part"
        die "what ${DATA[upstream_url]} sent is damaged." \
            "expected: ${DATA[upstream_sha256]}" "found:    $sum"
    fi
    mv -- "$file.part" "$file"
    source_take "$file"
}
