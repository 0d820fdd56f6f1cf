"""The program that runs on a target host: polls for commands, downloads, installs by ``appspec.yml``, runs
hooks.

It speaks the CodeDeployCommand protocol, so that a host of ours and a host with one of AWS's own agents
are driven alike. The folder is copied into the image of a host: it imports the standard library, PyYAML
and botocore, and nothing of this project outside itself.

From the outside in: ``__main__`` → ``loop`` → ``client`` and ``executor`` → ``bundle``, ``install``,
``hooks`` → ``appspec``, ``layout``, ``specification``.
"""
