# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What a runtime takes all but the emulator from, its base: the host's OTP when
# it is of exactly the wanted version; else the tree itself, with the libraries
# that a source archive brings along for its own build (kernel, stdlib and the
# compiler), or, with FULL=1, a whole OTP that is built and installed from it. A
# tree that holds a whole OTP keeps it.

# Applications that no part of this project needs, and that need most time or
# packages of their own. What has "mandatory" in configure cannot be left out.
BASE_LEAVES_OUT=(debugger diameter eldap et ftp javac jinterface megaco
    observer odbc os_mon reltool snmp tftp wx)

# base_find: sets BASE to host, bootstrap or full, and BASE_ROOT.
base_find() {
    BASE_ROOT=
    if base_is_host; then
        BASE=host
    elif [[ $CROSS ]]; then
        cross_base
    elif [[ $PATCHES == none && -e $PATCHED/stamps/full ]]; then
        # The patches are to the emulator alone.
        BASE=full BASE_ROOT=$PATCHED/full
    elif [[ -n $FULL || -e $STAMPS/full ]]; then
        BASE=full BASE_ROOT=$TREE/full
    else
        BASE=bootstrap BASE_ROOT=$TREE/bootstrap
    fi
    [[ $BASE == host ]] || CONFIGURE_OPTIONS=($(base_options))
}

base_is_host() {
    local root
    root=$(host_root) && [[ $(host_version "$root") == "$OTP" &&
        -d $root/erts-${DATA[erts_version]} ]] && BASE_ROOT=$root
}

# The same for both, so that FULL=1 after a build without it compiles no file
# again. What is missing on the machine is left out.
base_options() {
    printf -- '--without-%s\n' "${BASE_LEAVES_OUT[@]}"
    base_has_header openssl/ssl.h || echo --without-ssl
    base_has_header curses.h || echo --without-termcap
}

base_has_header() {
    printf '#include <%s>\n' "$1" |
        "${CC:-cc}" -E -x c - >/dev/null 2>&1
}

# base_make: after the emulator is compiled.
base_make() {
    case $BASE in
        bootstrap) base_bootstrap ;;
        full) base_full ;;
    esac
}

base_bootstrap() {
    local new=$BASE_ROOT.new triple bin
    triple=$(tree_triple)
    base_programs
    rm -rf -- "$new" "$BASE_ROOT"
    bin=$new/erts-${DATA[erts_version]}/bin
    mkdir -p -- "$bin" "$new/releases/${DATA[release]}"
    cp -- "${BASE_PROGRAMS[@]/#/$SRC/bin/$triple/}" "$bin/"
    cp -- "$SRC/bin/$triple"/{erl_child_setup,epmd} "$bin/"
    cp -- "$(compile_result)" "$bin/beam.smp"
    ln -s -- erlexec "$bin/erl"     # the overlay puts its own there
    cp -a -- "$SRC/bootstrap/bin" "$new/bin"
    ln -s -- "$SRC/bootstrap/lib" "$new/lib"
    base_release "$new"
    mv -- "$new" "$BASE_ROOT"
}

# The programs beside the emulator, by name: their makefile would also want what
# erl_interface builds.
BASE_PROGRAMS=(erlexec erlc escript inet_gethost heart)
base_programs() {
    local top triple
    top=$(tree_top) triple=$(tree_triple)
    run_logged "$LOGS/etc.log" "compiling erts/etc" \
        in_tree "$top" make -C erts/etc/common -f "$triple/Makefile" \
            TYPE=opt -j"$JOBS" "${BASE_PROGRAMS[@]/#/$top/bin/$triple/}"
    run_logged "$LOGS/epmd.log" "compiling erts/epmd" \
        in_tree "$top" make -C erts/epmd opt -j"$JOBS"
}

# Debian's archives lack two scripts that Common Test copies beside its logs,
# where they make tables sortable. The host's serve, or empty ones.
base_scripts() {
    local host file name
    host=$(host_root) || host=/nonexistent
    for name in jquery-latest.js jquery.tablesorter.min.js; do
        file=$SRC/lib/common_test/priv/$name
        [[ ! -e $file ]] || continue
        cp -L -- "$host"/lib/common_test-*/priv/"$name" "$file" 2>/dev/null ||
            : >"$file"
    done
}

# PropEr, which the tests use, is no part of OTP. The host's serves, compiled
# again from the code that its files hold, as a newer version does not run all
# that an older one has compiled.
base_borrow() {
    local host app erts=$1/erts-${DATA[erts_version]}
    host=$(host_root) || return 0
    for app in "$host"/lib/proper-*; do
        [[ -d $app ]] || continue
        cp -a -- "$app" "$1/lib/"
        run_logged "$LOGS/borrow.log" "compiling ${app##*/}" \
            env ROOTDIR="$1" BINDIR="$erts/bin" EMU=beam PROGNAME=erl \
            "$erts/bin/erlexec" -noshell -eval "$BASE_RECOMPILE" \
            -extra "$1/lib/${app##*/}"/ebin/*.beam
    done
}

BASE_RECOMPILE='
    [begin
         {ok, {_, [{abstract_code, {_, Forms}}]}} =
             beam_lib:chunks(File, [abstract_code]),
         {ok, _, Beam} = compile:forms(Forms, [debug_info, nowarn_deprecated_catch]),
         ok = file:write_file(File, Beam)
     end || File <- init:get_plain_arguments()],
    halt().'

base_release() {
    printf '%s\n' "$OTP" >"$1/releases/${DATA[release]}/OTP_VERSION"
    printf '%s %s\n' "${DATA[erts_version]}" "${DATA[release]}" \
        >"$1/releases/start_erl.data"
}

# Everything, by OTP's own makefile; its steps are counted in the log's lines.
base_full() {
    local top new=$BASE_ROOT.new log=$LOGS/full.log
    [[ $BASE_ROOT == "$TREE"/* ]] || return 0
    stamp_is full "$SOURCE_ID ${CONFIGURE_OPTIONS[*]}" && [[ -d $BASE_ROOT ]] && return 0
    top=$(tree_top)
    say "building all of OTP $OTP; this takes a quarter of an hour;" \
        "log: $log"
    exec 8< <(exec 2>&1; in_tree "$top" make V=0 -j"$JOBS")
    BUILD_CHILD=$!
    compile_watch 0 0 "$log" <&8
    exec 8<&-
    wait "$BUILD_CHILD" || die_with_log "building OTP" "$log"
    BUILD_CHILD=
    rm -rf -- "$new" "$BASE_ROOT"
    base_scripts
    run_logged "$LOGS/release.log" "installing" \
        in_tree "$top" make release RELEASE_ROOT="$new"
    run_logged "$LOGS/install.log" "installing" \
        env -C "$new" ./Install -minimal "$new"
    base_release "$new"
    base_borrow "$new"
    mv -- "$new" "$BASE_ROOT"
    stamp_set full "$SOURCE_ID ${CONFIGURE_OPTIONS[*]}"
}
