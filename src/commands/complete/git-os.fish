# git-os: completion for fish, of `git-os` and of `git os`.

# The words before the cursor, as if `git os` were `git-os`.
function __git_os_words
    set -l words (commandline -opc)
    if test "$words[1]" = git
        set -l at (contains -i -- os $words)
        set words $words[1..(math $at - 1)] $words[(math $at + 1)..]
    end
    string join -- \n $words
end

function __git_os_complete
    set -l current (commandline -ct)
    set -l lines (command git-os complete -- (__git_os_words) "$current" 2>/dev/null)
    set -l kind $lines[1]
    set -e lines[1]
    switch "$kind"
        case files
            __fish_complete_path "$current"
        case words
            if set -q lines[1]
                printf '%s\n' $lines
            end
    end
end

complete -c git-os -f -a '(__git_os_complete)'
complete -c git -n '__fish_git_using_command os' -f -a '(__git_os_complete)'
