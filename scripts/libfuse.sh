# shellcheck shell=bash
# lib.sh, and libfuse from Debian's source package, for machines whose own is too
# old (Debian 12 has 3.14; passthrough came with 3.17).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fuse_minimum=3.17           # what segfs is written for
fuse_source_minimum=3.18.3  # what we build ourselves
fuse_suites='trixie-backports forky sid'
fuse_source=$deps/fuse3
fuse_prefix=$deps/libfuse
fuse_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

debian_mirror()
{
	# shellcheck disable=SC2016  # the field is apt's
	apt-get indextargets --format '$(SITE)' \
		'Identifier: Packages' 'Label: Debian' 'Component: main' |
		awk '!/^cdrom:/ && !found++'
}

# A configuration of apt's own below build/: the system's sources and lists stay
# as they are. Read with -c, because that is read last.
fuse_apt_configure()
{
	mkdir -p "$deps/apt/lists/partial" "$deps/apt/cache/archives/partial" &&
		cat >"$deps/apt/apt.conf" <<-END
			Dir::Etc::sourcelist "$deps/apt/sources.list";
			Dir::Etc::sourceparts "-";
			Dir::State::lists "$deps/apt/lists";
			Dir::Cache "$deps/apt/cache";
			APT::Sandbox::User "root";
			#clear APT::Update::Pre-Invoke;
			#clear APT::Update::Post-Invoke;
			#clear APT::Update::Post-Invoke-Success;
		END
}

# fuse_fetch MIRROR: the first suite that has it new enough; apt verifies it.
fuse_fetch()
{
	local mirror=$1 suite version apt_conf=$deps/apt/apt.conf

	for suite in $fuse_suites; do
		echo "deb-src [signed-by=$fuse_keyring] $mirror $suite main" \
			>"$deps/apt/sources.list"
		apt-get -c "$apt_conf" update || continue
		version=$(apt-cache -c "$apt_conf" showsrc --only-source fuse3 |
			awk '/^Version:/ { print $2 }' | sort -V | tail -n 1)
		dpkg --compare-versions "$version" ge "$fuse_source_minimum" || continue

		rm -rf "$deps/download" "$fuse_source" &&
			mkdir "$deps/download" &&
			cd "$deps/download" &&
			apt-get -c "$apt_conf" source --download-only --only-source "fuse3=$version" &&
			dpkg-source --no-copy -x ./*.dsc "$fuse_source" &&
			echo "$version" >"$fuse_source.version"
		return
	done
	echo "none of $fuse_suites has libfuse $fuse_source_minimum or newer"
	return 1
}

need_fuse_source()
{
	local mirror

	[ ! -e "$fuse_source.version" ] || return 0
	need_packages dpkg-dev meson ninja-build
	need_root "to fetch libfuse with apt"

	# Newer suites are signed with newer keys.
	apt_install debian-archive-keyring
	mirror=$(debian_mirror)
	[ -n "$mirror" ] ||
		die "needs libfuse $fuse_minimum or newer, and apt here has no Debian source to take it from"
	fuse_apt_configure
	run libfuse-source "fetching libfuse's source package" fuse_fetch "$mirror"
}

# fuse_meson BUILD-DIRECTORY OPTION...
fuse_meson()
{
	local dir=$1
	shift

	rm -rf "$dir" && meson setup "$dir" "$fuse_source" \
		--buildtype=release --default-library=static --prefix="$fuse_prefix" --libdir=lib \
		-Dutils=false -Dtests=false -Denable-io-uring=false "$@"
}

fuse_build_library()
{
	fuse_meson "$deps/fuse3-library" -Dexamples=false &&
		rm -rf "$fuse_prefix" &&
		ninja -C "$deps/fuse3-library" install
}

fuse_build_example()
{
	fuse_meson "$deps/fuse3-examples" -Dexamples=true &&
		ninja -C "$deps/fuse3-examples" example/passthrough_hp &&
		cp "$deps/fuse3-examples/example/passthrough_hp" "$deps/passthrough_hp"
}

# The library, where CMake looks for it: the system's, or ours in build/deps.
need_fuse_library()
{
	local stamp=$deps/libfuse.version candidate

	# The prefix is in the .pc file: a tree that was moved builds again.
	[ "$(cat "$stamp" 2>/dev/null)" != "$fuse_prefix" ] || return 0
	! pkg-config --exists "fuse3 >= $fuse_minimum" || return 0

	candidate=$(apt-cache policy libfuse3-dev | awk '/Candidate:/ { print $2 }')
	if dpkg --compare-versions "$candidate" ge "$fuse_minimum"; then
		need_packages libfuse3-dev
		return
	fi

	need_fuse_source
	run libfuse-build "building libfuse $(cat "$fuse_source.version")" fuse_build_library
	echo "$fuse_prefix" >"$stamp"
}

# libfuse's own example, which scripts/bench compares with.
need_passthrough_hp()
{
	[ ! -x "$deps/passthrough_hp" ] || return 0
	need_fuse_source
	run passthrough_hp "building libfuse's passthrough_hp" fuse_build_example
}
