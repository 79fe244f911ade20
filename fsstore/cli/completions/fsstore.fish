# Completion of fsstore for fish: fsstore completion fish | source, in ~/.config/fish/config.fish.
function __fsstore
    set -l line (commandline -cp | string collect)
    set -l found (fsstore completion --line $line 2>/dev/null)
    if test $pipestatus[1] -eq 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c fsstore -f -a '(__fsstore)'
