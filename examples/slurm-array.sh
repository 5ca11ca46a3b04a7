#!/bin/bash
# Encrypts a library that is too much for one machine, as a Slurm array. On the cluster's shared disk, next to the
# folder library/ and the key file home.key:
#
#     sbatch slurm-array.sh
#
# Each task takes every sixteenth film. Any output that exists is whole, so after a preemption or a power cut, just submit the
# array again.
#SBATCH --array=0-15 --cpus-per-task=2
shopt -s globstar nullglob
films=(library/**/*.mp4) failed=0
for ((i = SLURM_ARRAY_TASK_ID; i < ${#films[@]}; i += SLURM_ARRAY_TASK_COUNT)); do
    [[ -e ${films[i]}.reel ]] ||
        reelseal encrypt --threads "$SLURM_CPUS_PER_TASK" --key-file home.key "${films[i]}" || failed=1
done
exit $failed
