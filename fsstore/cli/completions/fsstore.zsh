#compdef fsstore
# Completion of fsstore for zsh: eval "$(fsstore completion zsh)" in ~/.zshrc, after compinit.
_fsstore() {
    local found line="${(j: :)words[1,CURRENT-1]} ${(q)${(Q)PREFIX}}"
    local -a names open
    if found=$($words[1] completion --line "$line" 2>/dev/null); then
        names=("${(@f)found}")
        open=("${(@M)names:#*[:/=]}") # the beginning of many keys, or of an option's value
        names=("${(@)names:#*[:/=]}")
        compadd -S '' -a open
        compadd -a names
    else
        compset -P '@'
        _files
    fi
}
if [ "$funcstack[1]" = _fsstore ]; then
    _fsstore "$@"
else
    compdef _fsstore fsstore
fi
