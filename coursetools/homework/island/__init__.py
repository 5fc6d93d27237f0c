"""All that a submission may see beside `coursekit`: what a probe is, and what runs its cells and probes."""
