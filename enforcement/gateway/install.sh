# Here ends what the portal knows of this PEP; from here on the script is the same everywhere.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
DEBIAN_FRONTEND=noninteractive
export PATH LC_ALL DEBIAN_FRONTEND
umask 022

say() { echo "lychgate: $*"; }
stop() { say "$*" >&2 && exit 1; }

changed=""
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# put MODE PATH: what comes in is what the file holds from now on, owned by root.
put() {
    cat >"$work/new"
    if [ "$(stat -c %a:%u:%g "$2" 2>/dev/null)" = "$1:0:0" ] && cmp -s "$work/new" "$2"; then return; fi
    mkdir -p "${2%/*}"
    install -m "$1" -o root -g root "$work/new" "${2%/*}/.lychgate-new"
    mv -f "${2%/*}/.lychgate-new" "$2"
    say "wrote $2"
    changed="$changed $2"
}

# have PATH...: whether one of these was written just now.
have_changed() {
    for path in "$@"; do
        case "$changed " in *" $path "*) return 0 ;; esac
    done
    return 1
}

install_packages() {
    missing=""
    for need in nft:nftables wg:wireguard-tools ip:iproute2 sysctl:procps python3:python3 sudo:sudo sshd:openssh-server; do
        command -v "${need%%:*}" >/dev/null || missing="$missing ${need#*:}"
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || stop "this script is for Debian and Ubuntu; missing here:$missing"
    say "installing$missing"
    apt-get -qq update
    # shellcheck disable=SC2086 # a list of words
    apt-get -qq install -y --no-install-recommends $missing >/dev/null
    changed="$changed packages"
}

# What is older misses what the agent and its tables are written in.
check_versions() {
    python3 -I -c 'import sys; sys.exit(sys.version_info < (3, 10))' || stop "python3 is too old here: 3.10 is needed"
    nft --version | python3 -I -c 'import re, sys
found = re.search(r"v(\d+)\.(\d+)\.(\d+)", sys.stdin.read())
sys.exit(not found or tuple(map(int, found.groups())) < (1, 0, 6))' || stop "nft is too old here: 1.0.6 is needed (Debian 12, Ubuntu 24.04)"
}

make_account() {
    if ! getent passwd lychgate >/dev/null; then
        useradd --system --user-group --no-create-home --home-dir /etc/lychgate --shell /bin/sh lychgate
        say "made the account lychgate"
        changed="$changed account"
    fi
    # No password, and not locked either: sshd lets nobody into a locked account.
    case "$(getent shadow lychgate)" in
    lychgate:\*:*) ;;
    *) usermod --password '*' lychgate ;;
    esac
}

make_key() {
    [ ! -s /etc/lychgate/wireguard.key ] || return 0
    mkdir -p /etc/lychgate
    (umask 077 && wg genkey >/etc/lychgate/wireguard.key.new && mv /etc/lychgate/wireguard.key.new /etc/lychgate/wireguard.key)
    say "made WireGuard's private key: it stays on this host"
    changed="$changed key"
}

guards_have_changed() { have_changed /etc/lychgate/guard.nft /etc/lychgate/lock.nft /etc/lychgate/routing-guard /etc/sysctl.d/90-lychgate.conf; }

close_the_gate() {
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        systemctl --quiet enable lychgate-guards.service lychgate-wireguard.service lychgate-clock.timer
        systemctl start lychgate-guards.service
        if guards_have_changed; then systemctl reload lychgate-guards.service; fi
        if have_changed /etc/lychgate/boot.conf; then systemctl restart lychgate-wireguard.service; fi
        systemctl start lychgate-wireguard.service lychgate-clock.timer
    else
        # No systemd runs here (a container, an image being built): the same steps in the same order.
        if command -v systemctl >/dev/null; then
            systemctl --quiet enable lychgate-guards.service lychgate-wireguard.service lychgate-clock.timer
        else
            say "there is no systemd on this host: see to it that boot guards, then boot wireguard, run before its network is up" >&2
        fi
        if guards_have_changed || ! nft list table inet lychgate-guard >/dev/null 2>&1; then /usr/local/lib/lychgate/boot guards; fi
        /usr/local/lib/lychgate/boot wireguard
    fi
}

open_the_door() {
    visudo -qcf /etc/sudoers.d/lychgate || { rm /etc/sudoers.d/lychgate && stop "sudo does not take its rule: look at sudo's version"; }
    grep -Eqi '^[[:space:]]*Include[[:space:]]+/etc/ssh/sshd_config\.d/' /etc/ssh/sshd_config ||
        stop "/etc/ssh/sshd_config does not include /etc/ssh/sshd_config.d/*.conf: add that line at its top, and run this again"
    [ -s /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
    mkdir -p /run/sshd
    sshd -t || { rm /etc/ssh/sshd_config.d/lychgate.conf && stop "sshd does not take its part: see above"; }
    if have_changed /etc/ssh/sshd_config.d/lychgate.conf && [ -d /run/systemd/system ]; then systemctl try-reload-or-restart ssh.service; fi
    if have_changed /etc/rsyslog.d/20-nftables.conf && systemctl --quiet is-active rsyslog.service 2>/dev/null; then
        systemctl restart rsyslog.service
    fi
}

report() {
    [ -n "$changed" ] || say "nothing had to be changed"
    echo
    echo "$pep is set up, and closed. What an admin confirms on its page in the portal:"
    echo
    echo "WireGuard public key:  $(wg pubkey </etc/lychgate/wireguard.key)"
    echo "SSH host key:          $(cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub)"
    echo "  its fingerprint:     $(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d ' ' -f 2)"
}

[ "$(id -u)" = 0 ] || stop "run this as root"
install_packages
check_versions
make_account
mkdir -p /etc/lychgate /usr/local/lib/lychgate
make_key
write_files
close_the_gate
open_the_door
report
