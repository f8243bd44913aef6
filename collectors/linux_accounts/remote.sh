#!/bin/sh
# What `linux_accounts` runs on another host: fixed text for any POSIX shell that reads and changes nothing. No word
# of it comes from a host. frames.rs reads what it prints.
#
# A section says how many lines (or bytes) follow before it shows them, and `end` only when all were read; the word
# `done` is the last: what is cut is never whole. Lines of files are marked by a plus, so none is taken for a section.
# Password hashes, and lines of key files that are no key, do not leave the host.
LC_ALL=C
export LC_ALL
nl='
'
hashes='s/^\([^:]*:[!*]*\$[A-Za-z0-9-]\{1,10\}\$\)[^:]*/\1REDACTED/
t plus
/^[^:]*:x:/b plus
/^[^:]*:x$/b plus
s/^\([^:]*:[!*]*\)[^:!*][^:]*/\1REDACTED/'
keys='/^[[:blank:]]*$/b plus
s/^[[:blank:]]*#.*/#/
t plus
/[[:blank:]]AAAA/b plus
s/.*/REDACTED/'

# the words of the command that could not open a path, as a state
because() {
    case $1 in
        *': Permission denied') echo denied ;;
        *': No such file or directory' | *': Not a directory') echo absent ;;
        *) echo failed ;;
    esac
}

state() {
    if [ -e "$1" ] && [ ! -f "$1" ]; then
        echo odd
    elif said=$(cat -- "$1" 2>&1 >/dev/null); then
        echo read
    else
        because "$said"
    fi
}

ended() {
    echo
    if [ "$1" = 0 ]; then echo end; else echo broken; fi
}

text() {
    came=$(state "$1")
    if [ "$came" = read ]; then
        lines=$(sed -n '$=' <"$1") || came=failed
    fi
    if [ "$came" != read ]; then
        printf 'file %s 0 %s\nend\n' "$came" "$1"
        return
    fi
    printf 'file read %s %s\n' "${lines:-0}" "$1"
    sed -e "$2" -e ': plus' -e 's/^/+/' <"$1"
    ended $?
}

octets() {
    came=$(state "$1")
    if [ "$came" = read ]; then
        bytes=$(wc -c <"$1") || came=failed
        [ "$came" = read ] && [ "$((bytes))" -gt 67108864 ] && came=large
    fi
    if [ "$came" != read ]; then
        printf 'octets %s 0 %s\nend\n' "$came" "$1"
        return
    fi
    printf 'octets read %s %s\n' "$((bytes))" "$1"
    od -A x -t x1 <"$1" | sed -e 's/^/+/'
    ended $?
}

folder() {
    place=$1
    if said=$(ls -- "$place" 2>&1 >/dev/null); then
        came=read
        if [ ! -d "$place" ]; then came=odd; elif [ ! -x "$place" ]; then came=denied; fi
    else
        came=$(because "$said")
    fi
    set --
    if [ "$came" = read ]; then
        for entry in "$place"/*; do
            if [ -e "$entry" ] || [ -L "$entry" ]; then set -- "$@" "${entry##*/}"; fi
        done
        case "$*" in *"$nl"*) came=odd && set -- ;; esac
    fi
    printf 'folder %s %s %s\n' "$came" $# "$place"
    for name in "$@"; do printf '+%s\n' "$name"; done
    echo end
    # sudo and sshd read no other names
    for name in "$@"; do
        case $place in
            /etc/ssh/*) case $name in .*) ;; *.conf) text "$place/$name" '' ;; esac ;;
            *) case $name in *.* | *'~') ;; *) text "$place/$name" '' ;; esac ;;
        esac
    done
}

main() {
    printf 'evidenced linux_accounts 1\nhost %s\nuid %s\n' "$(uname -n)" "$(id -u)"
    text /etc/passwd "$hashes"
    text /etc/shadow "$hashes"
    text /etc/group "$hashes"
    text /etc/sudoers ''
    folder /etc/sudoers.d
    text /etc/ssh/sshd_config ''
    folder /etc/ssh/sshd_config.d
    octets /var/log/lastlog
    # every home once, without the slashes at its end; the mark keeps an empty one
    homes=$(cut -s -d: -f6 /etc/passwd | sed -e ': slash' -e 's:/$::' -e 't slash' -e 's/^/=/' | sort -u)
    set -f
    IFS=$nl
    for home in $homes; do
        home=${home#=}
        case $home/ in
            [!/]* | */../*) ;;
            *)
                text "$home/.ssh/authorized_keys" "$keys"
                text "$home/.ssh/authorized_keys2" "$keys"
                ;;
        esac
    done
    echo done
}

main
