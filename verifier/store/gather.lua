-- One snapshot of everything the ledger knows of one pack. KEYS: checkpoint, projected, keyring, product, recalls of
-- the product, batch, recalls of the batch, the pack's steps, the serial tree's heap, the batches whose pack key has
-- the hint that the pack carries.
-- ARGV: first 32 bits of SHA-256(serial), the prefix of bucket keys.
local out = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8])
local nodes = redis.call('STRLEN', KEYS[9]) / 32
out[9] = false
out[10] = ''
if nodes >= 2 and math.frexp(nodes) == 0.5 then -- a power of two: a heap cut short has no bucket, rather than a fault
  local leaves = nodes / 2
  local bucket = math.floor(tonumber(ARGV[1]) / (4294967296 / leaves))
  out[9] = redis.call('GET', ARGV[2] .. struct.pack('>I4', bucket))
  local node, path = leaves + bucket, {}
  while node > 1 do
    local sibling = node % 2 == 0 and node + 1 or node - 1
    path[#path + 1] = redis.call('GETRANGE', KEYS[9], sibling * 32, sibling * 32 + 31)
    node = math.floor(node / 2)
  end
  out[10] = table.concat(path)
end
out[11] = redis.call('GET', KEYS[10])
return out
