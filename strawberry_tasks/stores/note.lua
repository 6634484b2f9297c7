-- Keep the report of a worker, also while memory is short; see `write_though_full`.
-- KEYS[1]  {prefix}worker:{id}    the report, JSON
-- KEYS[2]  {prefix}workers        the ids of all workers, a set
-- ARGV[1]  the worker's id    ARGV[2]  its report    ARGV[3]  how long it is kept, ms
raw('DEL', KEYS[1])
raw('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
call('SADD', KEYS[2], ARGV[1])
raw('PEXPIRE', KEYS[2], ARGV[3])
return 1
