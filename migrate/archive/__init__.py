"""
Archives that travel where no network path does: compressed, encrypted, in chunks of bounded size, resumable.

An archive is a folder on a disk, or a prefix in S3::

    opened.json        whose archive this is; there from the first moment
    chunk-000001.age   a tar of many files, or one range of a large file, compressed and encrypted
    contents.age       what lies in which chunk: names, modes, times, digests; encrypted
    manifest.json      size and digest of every object above; in clear, without names of files
    manifest.sig       signature over it; whoever lacks it meets an archive that is not finished

Promise: nobody without the identity, which stays at the vendor's, reads a byte or a file name of it;
nobody without the ticket, which travels apart from the disk, makes one that is accepted.
"""
