# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# deb: Debian's source package with the patches at the end of its series, and
# erlang-base built from it. The package takes the place of Debian's: what
# depends on exactly that version of it stays installed.
#
#   $BUILD_DIR/deb/VERSION/source/    what the mirror has, checked by apt
#   $BUILD_DIR/deb/VERSION/build/     the patched source, built there
#   $BUILD_DIR/deb/VERSION/*.deb      the result

DEB_SUFFIX=+seccomp1
DEB_PROFILE=pkg.erlang.base
DEB_PATCH=seccomp-for-the-beam.patch
# What only other packages of that source need.
DEB_NOT_NEEDED=(unixodbc-dev libwxgtk3.2-dev libwxgtk-webview3.2-dev
    libx11-dev xsltproc libgl-dev libglu-dev)

cmd_deb() {
    local dir=$BUILD_DIR/deb/$OTP log=$LOGS/deb.log tree inputs
    need_tools dpkg-buildpackage dpkg-parsechangelog dh_testdir patch
    make_home
    mkdir -p -- "$dir/source"
    # Not the lock of the tree: that is not touched.
    exec 9>"$dir/.lock"
    flock 9
    inputs=$(deb_inputs)
    if [[ $(cat -- "$dir/stamp" 2>/dev/null) == "$inputs" ]]; then
        say "the package is built: $(deb_result "$dir")"
        return 0
    fi
    deb_fetch "$dir/source"
    rm -rf -- "$dir/build" "$dir/stamp" "$dir"/*.deb
    mkdir -- "$dir/build"
    tree=$dir/build/erlang
    run_logged "$log" "unpacking the source package" \
        dpkg-source --no-copy -x "$dir"/source/*.dsc "$tree"
    deb_patch "$tree"
    deb_describe "$tree"
    deb_dependencies "$tree"
    say "building erlang-base $(deb_version "$tree"); log: $log"
    run_logged "$log" "building erlang-base" deb_build "$tree"
    mv -- "$dir"/build/erlang-base_*.deb "$dir/"
    printf '%s\n' "$inputs" >"$dir/stamp"
    say "built: $(deb_result "$dir")"
}

deb_inputs() {
    {
        printf '%s\n' "$OTP $DEB_SUFFIX"
        cd -- "$TOOLKIT" || exit
        find "$SERIES" common lib/deb.sh ../packaging/deb -type f -print0 |
            sort -z | xargs -0 sha256sum
    } | sha256sum | cut -d' ' -f1
}

deb_result() { ls -- "$1"/erlang-base_*.deb; }

# deb_fetch DIR: the newest revision that the mirrors have.
deb_fetch() {
    ! compgen -G "$1/*.dsc" >/dev/null || return 0
    debsrc_usable || die "the source package cannot be fetched: $WHY_NOT."
    say "fetching the source package ${DATA[debian_source]}" \
        "${DATA[debian_version]}*"
    debsrc_fetch_package "$LOGS/debian-source.log" "$1" ||
        die "the source package cannot be fetched:" \
            "${WHY_NOT:-apt-get failed, see $LOGS/debian-source.log}"
}

# Our patches as one, the last of Debian's series; dpkg applies it.
deb_patch() {
    local tree=$1 state=$1/$APPLY_STATE out=$1/debian/patches/$DEB_PATCH file
    run_logged "$LOGS/apply.log" "patching" \
        env -u OTP -u OTP_SRC "$TOOLKIT/otp" apply "$tree"
    {
        cat -- "$REPO/packaging/deb/patch-header"
        while read -r file; do
            # Status 1: they differ.
            diff -uN --label "a/$file" --label "b/$file" \
                -- "$state/pristine/$file" "$tree/$file" || :
        done < <(cat -- "$state/stamps/created"
            cd -- "$state/pristine" && find . -type f -printf '%P\n' | sort)
    } >"$out"
    cp -a -- "$state/pristine/." "$tree/"
    while read -r file; do rm -- "$tree/$file"; done <"$state/stamps/created"
    rm -rf -- "$state"
    printf '%s\n' "$DEB_PATCH" >>"$tree/debian/patches/series"
}

deb_version() { dpkg-parsechangelog -l "$1/debian/changelog" -S Version; }

# The version, what it stands in for, and that only erlang-base is wanted.
deb_describe() {
    local tree=$1 version control=$1/debian/control.in package
    version=$(deb_version "$tree")
    {
        printf 'erlang (%s%s) %s; urgency=medium\n\n' "$version" "$DEB_SUFFIX" \
            "$(dpkg-parsechangelog -l "$tree/debian/changelog" -S Distribution)"
        printf '  * Add the patches of seccomp for the BEAM.\n\n'
        # The time of the last entry: the same source gives the same package.
        printf ' -- seccomp for the BEAM <none@localhost>  %s\n\n' \
            "$(dpkg-parsechangelog -l "$tree/debian/changelog" -S Date)"
        cat -- "$tree/debian/changelog"
    } >"$tree/debian/changelog.new"
    mv -- "$tree/debian/changelog.new" "$tree/debian/changelog"
    for package in "${DEB_NOT_NEEDED[@]}"; do
        sed -i "/^Build-Depends:/,/^Build-Depends-Indep:/s/\b$package\b/& <!$DEB_PROFILE>/" \
            "$control"
    done
    sed -i -e "/^Package: erlang-base\$/!s/^Package: .*/&\nBuild-Profiles: <!$DEB_PROFILE>/" \
        -e "s/^Provides: erlang-abi (= @ABI_VERSION@),/& erlang-base (= $version),/" \
        "$control"
    grep -q "erlang-base (= $version)," "$control" ||
        die "debian/control.in has no Provides: erlang-abi to go on from."
    # The manual pages are another package's.
    sed -i '/erlang-docs/d' "$tree/debian/erlang-base.manpages"
    cp -- "$REPO/packaging/deb/rules-base" "$tree/debian/rules-base"
    (cd -- "$tree" && debian/rules-base debian/control) >/dev/null 2>&1
}

deb_dependencies() {
    local missing
    missing=$(cd -- "$1" && dpkg-checkbuilddeps -B -P"$DEB_PROFILE",nodoc 2>&1 |
        sed -n 's/.*[Uu]nmet build dependencies: //p') || :
    [[ -z $missing ]] || die "packages are missing: $missing" \
        "Install them with:" "  apt-get install --no-install-recommends \\" \
        "    $(sed -E 's/ *\([^)]*\)//g' <<<"$missing")"
}

deb_build() {
    cd -- "$1" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u TYPE -u FLAVOR \
        -u OTP -u ERL_LIBS DEB_BUILD_OPTIONS="nodoc nocheck parallel=$JOBS" \
        dpkg-buildpackage -B -us -uc -nc --rules-file=debian/rules-base \
        -P"$DEB_PROFILE",nodoc
}
