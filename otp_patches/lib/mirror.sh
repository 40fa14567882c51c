# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The mirrors of the machine's own apt configuration, by apt, which knows of
# proxies. They hold the files of all suites, not only of the one installed.
# scripts/ uses these functions, too.

MIRROR_HELPER=/usr/lib/apt/apt-helper

mirror_list() {
    # shellcheck disable=SC2016 # apt's own notation
    apt-get indextargets --no-release-info --format '$(REPO_URI)' | sort -u
}

# mirror_fetch POOL-PATH SHA256 FILE LOG: status 1 if no mirror has it, or there
# is no apt; the log says which.
mirror_fetch() {
    local mirror
    {
        [[ -x $MIRROR_HELPER ]] || { echo "this machine has no apt"; return 1; }
        for mirror in $(mirror_list); do
            # The directory may be closed to apt's own user.
            "$MIRROR_HELPER" download-file -o "APT::Sandbox::User=$(id -un)" \
                -o Acquire::Retries=1 -o Acquire::http::Timeout=20 \
                -o Acquire::https::Timeout=20 \
                "${mirror%/}/pool/main/$1" "$3" "SHA256:$2" && return 0
        done
        return 1
    } >"$4" 2>&1
}
