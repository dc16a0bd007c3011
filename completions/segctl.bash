# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for segctl(1). The commands and their options are what its --help says.

# __segctl_matching: of the lines on stdin, those that begin with $word.
__segctl_matching()
{
	local line

	while IFS= read -r line; do
		[[ $line != "$word"* ]] || printf '%s\n' "$line"
	done
}

__segctl_commands()
{
	segctl --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
	printf '%s\n' --help --version
}

# An option that takes an argument ends with its '='.
__segctl_options()
{
	segctl "$command" --help | grep -oE '^ *(-[a-z0-9], )?--[a-z-]+=?' | grep -oE -e '--[a-z-]+=?'
}

__segctl_values()
{
	case ${word%%=*} in
	--kind) printf '%s\n' --kind=posix --kind=sysv ;;
	--sort) printf -- '--sort=%s\n' allocated name size used age owner ;;
	--owner) compgen -P --owner= -u ;;
	esac
}

# Segments, with the slash or, as they may be written, without; or files on a mount.
__segctl_references()
{
	if [[ $word == ?*/* ]]; then
		compgen -f -- "$word"
	elif [[ $word == "" || $word == /* ]]; then
		segctl ls --names
	else
		segctl ls --names | sed 's,^/,,'
	fi
}

__segctl_candidates()
{
	if [[ -z $command ]]; then
		__segctl_commands
	elif [[ $word == --*=* ]]; then
		__segctl_values
	elif [[ $word == -* ]]; then
		__segctl_options
	elif [[ $command == ns && $operands -eq 0 ]]; then
		printf '%s\n' ls create rm
	elif [[ $command == ns ]]; then
		segctl ns ls | sed '1d; s/ .*//'
	elif [[ $command != create && ! ($command == resize && $operands -gt 0) ]]; then
		__segctl_references
	fi
}

_segctl()
{
	local line=${COMP_LINE:0:COMP_POINT} word command='' operands=0 before part i
	local -a words

	# Not as COMP_WORDS has it: that is split at the ':' of "sysv:0x400" and at '='.
	word=${line##*[[:space:]]}
	read -ra words <<<"${line%"$word"}"
	for part in "${words[@]:1}"; do
		[[ $part == -* ]] && continue
		[[ -z $command ]] && command=$part || operands=$((operands + 1))
	done

	mapfile -t COMPREPLY < <(__segctl_candidates 2>/dev/null | __segctl_matching)

	# bash replaces what follows the last character that it breaks words at.
	before=${word%"${word##*["$COMP_WORDBREAKS"]}"}
	for i in "${!COMPREPLY[@]}"; do
		[[ ${COMPREPLY[i]} != --*= ]] || compopt -o nospace 2>/dev/null
		printf -v 'COMPREPLY[i]' %q "${COMPREPLY[i]#"$before"}"
	done
}

complete -F _segctl segctl
