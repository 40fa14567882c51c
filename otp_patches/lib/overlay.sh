# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The runtime: its base (base.sh) with our emulator in it. The applications are
# linked, not copied. The stamp "runtime" says that it is whole; it is dropped
# before anything changes and written last.

# The root of the host's OTP, never of a runtime of ours.
host_root() {
    local erl
    erl=$(host_erl) || return 1
    local root
    root=$(dirname -- "$(dirname -- "$(readlink -f -- "$erl")")")
    if ! compgen -G "$root/releases/*/OTP_VERSION" >/dev/null; then
        # A version manager's shim: ask.
        root=$("$erl" -noshell -eval \
            'io:put_chars(code:root_dir()), halt().' 2>/dev/null) || return 1
    fi
    printf '%s\n' "$root"
}

# The first erl in PATH that is not one of our wrappers.
host_erl() {
    local erl
    while read -r erl; do
        grep -qs 'patched Erlang/OTP of this directory' "$erl" && continue
        printf '%s\n' "$erl"
        return 0
    done < <(type -aP erl)
    return 1
}

host_version() {
    cat -- "$1"/releases/*/OTP_VERSION 2>/dev/null | sort -V | tail -n 1
}

overlay_lay() {
    local new=$OTP_HOME/runtime.new bin erts=erts-${DATA[erts_version]} entry
    rm -rf -- "$new"
    mkdir -p -- "$new"
    cp -a -- "$BASE_ROOT/bin" "$new/bin"
    mkdir -- "$new/$erts"
    cp -a -- "$BASE_ROOT/$erts/bin" "$new/$erts/bin"
    ln -s -- "$BASE_ROOT/lib" "$new/lib"
    ln -s -- "$BASE_ROOT/releases" "$new/releases"
    if [[ -d $BASE_ROOT/usr ]]; then ln -s -- "$BASE_ROOT/usr" "$new/usr"; fi
    bin=$new/$erts/bin
    # Not over the copy: that may be a hard link or lack the right to write.
    rm -f -- "$bin/beam.smp"
    cp -- "$(compile_result)" "$bin/beam.smp"
    if [[ $TYPE == opt ]]; then
        "${CROSS:+$CROSS-}strip" --strip-debug -- "$bin/beam.smp" 2>/dev/null || :
    else
        # It starts the helper that was compiled with it.
        cp -- "$SRC/bin/$(tree_triple)/erl_child_setup$(type_marker)" "$bin/"
    fi
    [[ -z $CROSS ]] || cross_wrap "$bin"
    overlay_wrappers "$new/bin" "$bin"
    overlay_prove "$new"

    for entry in bin "$erts" lib releases usr; do
        rm -rf -- "${OTP_HOME:?}/$entry"
        [[ -e $new/$entry ]] && mv -- "$new/$entry" "$OTP_HOME/$entry"
    done
    rm -rf -- "$new"
}

# The host's own scripts know only the host's root, whatever place they lie in:
# none may stay, or a stock emulator would be started unseen.
overlay_wrappers() {
    local bin=$1 erts_bin=$2 name libs
    rm -f -- "$bin"/start "$bin"/start_erl "$erts_bin"/start \
        "$erts_bin"/start_erl
    for name in erl erlc escript ct_run dialyzer typer; do
        [[ -e $erts_bin/$name ]] || continue
        rm -f -- "$bin/$name"
        if [[ $name == erl ]]; then
            cp -- "$TOOLKIT/runtime/erl" "$bin/erl"
            ln -sf ../../bin/erl "$erts_bin/erl"
        else
            cp -- "$TOOLKIT/runtime/tool" "$bin/$name"
        fi
        chmod 755 -- "$bin/$name"
    done
    # What rebar3 compiles with one version is kept from the others.
    libs=.
    [[ $OTP == "$DEFAULT_OTP" && -z $CROSS ]] || libs=rebar-$OTP${CROSS:+-$ARCH}
    sed -i "s/@ERTS@/erts-${DATA[erts_version]}/; s/@LIBS@/$libs/" "$bin"/{erl,erlc,escript} \
        "$bin"/{ct_run,dialyzer,typer} 2>/dev/null || :
}

# A runtime that does not start is not one.
overlay_prove() {
    local log=$LOGS/runtime.log answer
    answer=$("$1/bin/erl" -noshell -eval \
        'io:put_chars(code:root_dir()), halt().' 2>"$log") || :
    [[ $answer == "$(readlink -f -- "$1")" ]] && return 0
    printf '%s\n' "$answer" >>"$log"
    die_with_log "starting the new runtime" "$log"
}
