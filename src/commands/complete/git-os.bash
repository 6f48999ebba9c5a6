# git-os: completion for bash, of `git-os` and, through git's own completion, of `git os`.

# Completes the words up to the cursor.
__git_os_complete() {
    local kind= value about i
    local -a values=() abouts=()
    COMPREPLY=()
    while IFS=$'\t' read -r value about; do
        if [ -z "$kind" ]; then
            kind=$value
        else
            values+=("$value")
            abouts+=("$about")
        fi
    done < <(command git-os complete -- "$@" 2>/dev/null)
    [ "$kind" = words ] || return 0
    # Nothing is not a reason to offer files.
    compopt +o default +o bashdefault 2>/dev/null
    compopt -o nosort 2>/dev/null
    # For readline, what comes after `=` is a word of its own.
    if [[ ${!#} == --*=* && $COMP_WORDBREAKS == *=* ]]; then
        values=("${values[@]#--*=}")
    fi
    if [ "${#values[@]}" -eq 1 ]; then
        COMPREPLY=("${values[0]} ")
    elif [[ ${COMP_TYPE-} == 33 || ${COMP_TYPE-} == 63 || ${COMP_TYPE-} == 64 ]]; then
        # These only list, so there is room for what they are.
        for i in "${!values[@]}"; do
            COMPREPLY+=("${values[i]}${abouts[i]:+  (${abouts[i]})}")
        done
    else
        COMPREPLY=("${values[@]}")
    fi
}

# Called by git's own completion.
_git_os() {
    local at=${__git_cmd_idx:-1}
    __git_os_complete git-os "${__git_C_args[@]}" "${words[@]:at+1:cword-at-1}" "$cur"
}

__git_os_direct() {
    local cur cword
    local -a words
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n =: cur words cword
    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=$2
    fi
    __git_os_complete git-os "${words[@]:1:cword-1}" "$cur"
}

complete -o bashdefault -o default -o nospace -F __git_os_direct git-os
