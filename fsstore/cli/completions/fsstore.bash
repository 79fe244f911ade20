# Completion of fsstore for bash: eval "$(fsstore completion bash)" in ~/.bashrc.
_fsstore() {
    local found word
    COMPREPLY=()
    if found=$("$1" completion --breaks "$COMP_WORDBREAKS" --line "${COMP_LINE:0:COMP_POINT}" 2>/dev/null); then
        while IFS= read -r word; do
            [ -z "$word" ] || COMPREPLY+=("$word")
        done <<<"$found"
        # what ends so is the beginning of many keys, or of an option's value
        [[ ${#COMPREPLY[@]} -eq 0 || $found != *[:/=] ]] || compopt -o nospace
    else
        compopt -o default # a file is wanted
    fi
}
complete -o nosort -F _fsstore fsstore
