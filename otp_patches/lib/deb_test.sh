# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# deb-test: the package in a Debian of its own, which is made for it: whether
# apt installs it beside Debian's other packages of Erlang, whether the emulator
# there enforces, and some suites on it.

DEB_TEST_SUITES=(seccomp_calls_SUITE seccomp_deny_SUITE)
DEB_TEST_FILES=("${DEB_TEST_SUITES[@]}" seccomp_test_calls seccomp_test_node
    seccomp_test_run seccomp_test_target)
DEB_TEST_PACKAGES=(erlang-dev erlang-common-test)

cmd_deb_test() {
    local dir=$BUILD_DIR/deb/$OTP log=$LOGS/deb-test.log root deb version file status=0
    need_tools debootstrap unshare chroot
    ((EUID == 0)) || die "a Debian of its own is made by root only."
    [[ -n ${DATA[debian_suite]} ]] ||
        die "otp_patches/$SERIES/source has no line debian_suite=..."
    deb=$(deb_result "$dir" 2>/dev/null) ||
        die "the package is not built." "Build it with: make deb"
    [[ -f $REPO/priv/native/seccomp_nif.so ]] ||
        die "priv/native/seccomp_nif.so is not built." "Build it with: make nif"
    make_home
    root=$dir/root
    deb_test_root "$dir/bare" "$log"
    # Anew each time: apt would keep what is installed of the same version.
    rm -rf -- "$root"
    cp -a -- "$dir/bare" "$root"
    mkdir -p -- "$root/seccomp/test"
    cp -- "$deb" "$root/tmp/"
    cp -rL -- "$REPO"/{erlang,priv,packaging} "$root/seccomp/"
    cp -- "$REPO/$SMOKE_TEST" "$root/seccomp/test/"
    for file in "${DEB_TEST_FILES[@]}"; do
        cp -- "$REPO/test/$file.erl" "$root/seccomp/test/"
    done
    version=$(dpkg-deb -f "$deb" Version)
    # Debian's other packages want exactly the version that ours stands in for.
    run_logged "$log" "installing the package" deb_test_in "$root" sh -ec "
        apt-get -q update
        apt-get -q -y install --no-install-recommends /tmp/${deb##*/} \
            ${DEB_TEST_PACKAGES[*]/%/=${version%"$DEB_SUFFIX"}}
        dpkg --audit
        apt-get -q check"
    say "installed, with Debian's own ${DEB_TEST_PACKAGES[*]}"
    run_logged "$log" "compiling the library" deb_test_in "$root" sh -ec "
        /seccomp/packaging/install-library /usr/lib/erlang/lib
        cd /seccomp/test
        erlc -I ../erlang *.erl"
    deb_test_in "$root" erl -noinput -pa /seccomp/test \
        -run seccomp_smoke main >&2 || die "the smoke test failed."
    deb_test_in "$root" sh -ec "
        cd /seccomp/test
        ct_run -noinput -no_auto_compile -pa /seccomp/test -logdir /tmp \
            -dir . -suite ${DEB_TEST_SUITES[*]}" \
        >"$log" 2>&1 </dev/null || status=$?
    grep -E '^Testing .* [0-9]+ ok, [0-9]+ failed' "$log" >&2 || :
    ((status == 0)) || die_with_log "a suite on the installed package" "$log"
    say "OTP $OTP, erlang-base $version: the smoke test and" \
        "${DEB_TEST_SUITES[*]} passed."
}

# deb_test_root ROOT LOG: a minimal Debian of the release that the package is of.
deb_test_root() {
    [[ ! -f $1/.whole ]] || return 0
    rm -rf -- "$1"
    run_logged "$2" "making a Debian ${DATA[debian_suite]}" \
        debootstrap --variant=minbase "${DATA[debian_suite]}" "$1"
    : >"$1/.whole"
}

# A process space of its own: whatever is started there ends with it.
deb_test_in() {
    local root=$1
    shift
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive \
        unshare --mount --pid --fork --mount-proc="$root/proc" \
        chroot "$root" "$@"
}
