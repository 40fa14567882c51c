# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Compiles the emulator and shows how far it is.

COMPILE_TOOLS=(make cc c++ perl patch tar xz gzip sed awk find cmp
    sha256sum flock setsid)

compile() {
    local top log=$LOGS/make.log total=0 have=0
    top=$(tree_top)
    compile_after_kill
    if ! compgen -G "$STAMPS/compiled*" >/dev/null; then
        # A first build, or what is left of one that did not finish. How many
        # files another flavor or type still needs is not known.
        total=${DATA[compile_steps]}
        have=$(find "$SRC/erts" -name '*.o' | wc -l)
    fi
    say "compiling the emulator ($PATCHES patches, $FLAVOR, $TYPE," \
        "$JOBS jobs); log: $log"
    : >"$STAMPS/compiling"
    # Not a pipeline: bash would heed a signal only when the pipeline has ended.
    # It keeps the lock: should it outlive this script, the next one waits.
    # VOID_EMULATOR: a tree that was configured before valgrind was installed
    # would leave out the emulator for it, and say nothing.
    exec 8< <(exec 2>&1; in_tree "$top" make -C erts/emulator "$TYPE" \
        FLAVOR="$FLAVOR" VOID_EMULATOR= V=0 "${CROSS_MAKE[@]}" -j"$JOBS")
    BUILD_CHILD=$!
    compile_watch "$have" "$total" "$log" <&8
    exec 8<&-
    if ! wait "$BUILD_CHILD"; then
        # A full disk may have cut off what was generated: as after a kill.
        grep -q 'No space left on device' "$log" || rm -f -- "$STAMPS/compiling"
        compile_failed "$log"
    fi
    BUILD_CHILD=
    rm -f -- "$STAMPS/compiling"
    [[ -f $(compile_result) ]] ||
        die "make succeeded but left no $(compile_result)."
    : >"$STAMPS/compiled$VARIANT"
    progress_clear
}

compile_result() {
    echo "$SRC/bin/$(tree_triple)/beam$(type_marker).$FLAVOR"
}

# What OTP puts into the names of programs that are not of the type opt.
type_marker() { [[ $TYPE == opt ]] || echo ".$TYPE"; }

# compile_watch COUNT TOTAL LOG reads make's output: " CC<tab>obj/.../name.o".
compile_watch() {
    local count=$1 total=$2 log=$3 line what object
    : >"$log"
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$log"
        read -r what object _ <<<"$line" || :
        object=${object##*/}
        case $what in
            CC)  object=${object%.o}.c ;;
            CXX) object=${object%.o}.cpp ;;
            LD)  progress_line "linking $object"; continue ;;
            ERLC) ;;
            GEN) progress_line "generating $object"; continue ;;
            *)   continue ;;
        esac
        count=$((count + 1))
        progress_count "$count" "$total" "$object"
    done
    progress_clear
}

# The compiler's own words are what the user needs.
compile_failed() {
    local log=$1 errors='error:|undefined reference|multiple definition'
    progress_clear
    if grep -qE "$errors" "$log" &&
            ! grep -q 'No space left on device' "$log"; then
        { grep -E -A 3 -- "$errors" "$log" || :; } |
            sed -n '1,24s/^/   | /p' >&2
        die "compiling the emulator failed; the whole log: $log"
    fi
    die_with_log "compiling the emulator" "$log"
}

# make removes half-written files when it is interrupted, but not when it is
# killed or the disk is full. Then what its last minute wrote is made again.
compile_after_kill() {
    local triple last
    [[ -f $STAMPS/compiling ]] || return 0
    triple=$(tree_triple)
    last=$(find "$SRC/erts" -path "*/$triple/*" -type f -printf '%T@\n' |
        sort -n | tail -n 1)
    [[ -n $last ]] || return 0
    say "the last build broke off; making its last files again"
    find "$SRC/erts" "$SRC/bin" -path "*/$triple/*" -type f \
        \( -name '*.[oa]' -o -path "*/$TYPE/*" -o -name '*.ycf.h' \) \
        -newermt "@$((${last%.*} - 60))" -delete
}
