#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_contrib.py quadlets|compose|kubernetes PATH: are the fields those that the
programs know, and do they say what has to be said? Fails by an assertion."""
import configparser
import os
import sys

# podman-systemd.unit(5), as far as they are used.
QUADLET_KEYS = {
    'Unit': {'Description', 'Requires', 'After'},
    'Volume': {'Type', 'Device', 'Options', 'VolumeName', 'User', 'Group'},
    'Container': {'Image', 'Volume', 'Exec', 'User', 'ContainerName'},
    'Install': {'WantedBy'},
}


class Repeated(dict):
    """systemd's files repeat keys."""

    def __setitem__(self, key, value):
        if key in self and isinstance(value, list) and isinstance(self[key], list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def quadlets(directory):
    for name in sorted(os.listdir(directory)):
        parser = configparser.RawConfigParser(dict_type=Repeated, strict=False)
        parser.optionxform = str
        with open(os.path.join(directory, name)) as f:
            parser.read_file(f)
        for section in parser.sections():
            unknown = set(dict(parser.items(section))) - QUADLET_KEYS[section]
            assert not unknown, f'{name}: {unknown}'
        kind = name.rsplit('.', 1)[1].capitalize()
        assert parser.has_section(kind), f'{name} has no [{kind}]'
        if kind == 'Volume':
            options = parser.get(kind, 'Options').split(',')
            assert not any(o.startswith('size=') for o in options), 'podman takes size= away'


def compose(path):
    import yaml
    with open(path) as f:
        services = yaml.safe_load(f)['services']
    for name, service in services.items():
        assert set(service) <= {'image', 'ipc', 'volumes'}, name
        assert service['ipc'] == 'private', name
        for volume in service['volumes']:
            assert volume['type'] == 'bind', name
            assert volume['source'].startswith('/run/segfs'), name
            bind = volume['bind']
            assert bind['create_host_path'] is False, name
            assert (bind.get('propagation') == 'rslave') == \
                (volume['source'] == '/run/segfs'), name
            assert bool(volume.get('read_only')) == ('/ro/' in volume['source']), name


def check_mounts(pod, propagation):
    volumes = {v['name']: v['hostPath'] for v in pod['volumes']}
    seen = []
    for container in pod['containers'] + pod.get('initContainers', []):
        assert {'name', 'image', 'volumeMounts'} <= set(container)
        for mount in container['volumeMounts']:
            assert volumes[mount['name']]['path'] == mount['mountPath'] == '/run/segfs'
            seen.append(mount.get('mountPropagation'))
    assert seen[0] == propagation, seen


def kubernetes(path):
    import yaml
    with open(path) as f:
        daemon, pod = yaml.safe_load_all(f)
    assert (daemon['apiVersion'], daemon['kind']) == ('apps/v1', 'DaemonSet')
    assert (pod['apiVersion'], pod['kind']) == ('v1', 'Pod')
    template = daemon['spec']['template']
    assert daemon['spec']['selector']['matchLabels'].items() <= \
        template['metadata']['labels'].items()
    check_mounts(template['spec'], 'Bidirectional')
    container = template['spec']['containers'][0]
    # Bidirectional is for privileged containers only
    assert container['securityContext']['privileged'] is True
    assert container['command'][:3] == ['segfs', '-f', 'team-a']
    assert template['spec'].get('hostUsers', True) is True
    check_mounts(pod['spec'], 'HostToContainer')
    assert 'privileged' not in pod['spec']['containers'][0]['securityContext']


if __name__ == '__main__':
    {'quadlets': quadlets, 'compose': compose, 'kubernetes': kubernetes}[sys.argv[1]](sys.argv[2])
