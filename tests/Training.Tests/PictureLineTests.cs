using Lia.Training.Data;

namespace Lia.Training.Tests;

/// <summary>Units are read side by side, and come out as if they were read one after another.</summary>
public sealed class PictureLineTests
{
    private const int Length = 10;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Pictures_come_in_the_order_of_units_whoever_is_faster(int workers)
    {
        int[] lengths = [3, 0, 40, 1, 0, 0, 25, 2, 9, 60, 1];
        List<(int Unit, int Picture)> taken = [];
        List<(int Unit, bool HasProblem, int Taken)> ended = [];
        PictureLine<int> line = new(Length, workers, (unit, room, _) =>
        {
            for (int picture = 0; picture < lengths[unit]; picture++)
            {
                if ((unit + picture) % 3 == 0) Thread.Sleep(1);
                byte[] bytes = room.Rent();
                (bytes[0], bytes[1]) = ((byte)unit, (byte)picture);
                room.Add(bytes);
            }
            return unit % 4 == 2 ? new MediaException("bad") : null;
        }, mostWaiting: 20 * Length);
        line.Run(Enumerable.Range(0, lengths.Length), picture => taken.Add((picture[0], picture[1])),
            (unit, problem) => ended.Add((unit, problem is not null, taken.Count)), TestContext.Current.CancellationToken);
        Assert.Equal(lengths.Index().SelectMany(unit => Enumerable.Range(0, unit.Item).Select(picture => (unit.Index, picture))), taken);
        int sum = 0;
        Assert.Equal(lengths.Index().Select(unit => (unit.Index, unit.Index % 4 == 2, sum += unit.Item)), ended);
    }

    /// <summary>The first unit is begun last, when all others have filled the room: it goes on, and no more is held than was
    /// allowed.</summary>
    [Fact]
    public void What_waits_has_a_room_of_fixed_size_and_whose_turn_it_is_goes_on()
    {
        const int Room = 12, Own = 2, Others = 3, Long = 200;
        int rented = 0, taken = 0;
        using ManualResetEventSlim isFull = new();
        PictureLine<int> line = new(Length, Others + 1, (unit, room, token) =>
        {
            if (unit == 0) Assert.True(isFull.Wait(TimeSpan.FromSeconds(60), token));
            for (int picture = 0; picture < Long; picture++)
            {
                byte[] bytes = room.Rent();
                if (Interlocked.Increment(ref rented) == Room) isFull.Set();
                bytes[0] = (byte)unit;
                room.Add(bytes);
            }
            return null;
        }, mostWaiting: Room * Length);
        line.Run(Enumerable.Range(0, 8), picture => Assert.Equal(taken++ / Long, picture[0]), (_, _) => { },
            TestContext.Current.CancellationToken);
        Assert.Equal(8 * Long, taken);
        // Beyond the room one unit has its own, and one picture is in the hands of whoever takes it.
        Assert.InRange(line.MostPictures, Room, Room + Own + 1);
    }

    [Fact]
    public void Several_units_are_read_at_the_same_time()
    {
        using CountdownEvent together = new(4);
        PictureLine<int> line = new(Length, 4, (_, _, token) =>
        {
            together.Signal();
            Assert.True(together.Wait(TimeSpan.FromSeconds(60), token));
            return null;
        });
        int ended = 0;
        line.Run(Enumerable.Range(0, 4), _ => { }, (_, _) => ended++, TestContext.Current.CancellationToken);
        Assert.Equal(4, ended);
    }

    [Fact]
    public void A_fault_is_thrown_where_its_turn_comes_and_ends_all()
    {
        List<int> ended = [];
        PictureLine<int> line = new(Length, 3, (unit, _, _) => unit == 5 ? throw new InvalidOperationException("a fault") : null);
        Assert.Equal("a fault", Assert.Throws<InvalidOperationException>(() => line.Run(Enumerable.Range(0, 100), _ => { },
            (unit, _) => ended.Add(unit), TestContext.Current.CancellationToken)).Message);
        Assert.Equal([0, 1, 2, 3, 4], ended);

        ended.Clear();
        line = new(Length, 3, (_, _, _) => null);
        Assert.Equal("of the units", Assert.Throws<InvalidOperationException>(() => line.Run(Units(), _ => { },
            (unit, _) => ended.Add(unit), TestContext.Current.CancellationToken)).Message);
        Assert.Equal([0, 1], ended);

        static IEnumerable<int> Units()
        {
            yield return 0;
            yield return 1;
            throw new InvalidOperationException("of the units");
        }
    }

    /// <summary>Whoever takes pictures fails, or stops: workers that wait for room, or for their next picture, end.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void No_worker_is_left_when_it_ends_early(bool isStopped)
    {
        using CancellationTokenSource stop = new();
        int left = 0;
        PictureLine<int> line = new(Length, 4, (unit, room, token) =>
        {
            Interlocked.Increment(ref left);
            try
            {
                while (unit < 3) room.Add(room.Rent());
                token.WaitHandle.WaitOne();
                return null;
            }
            finally
            {
                Interlocked.Decrement(ref left);
            }
        }, mostWaiting: 8 * Length);
        int taken = 0;
        Action run = () => line.Run(Enumerable.Range(0, 4), _ =>
        {
            if (++taken < 20) return;
            if (!isStopped) throw new MediaException("the disk is full");
            stop.Cancel();
        }, (_, _) => { }, stop.Token);
        if (isStopped) Assert.ThrowsAny<OperationCanceledException>(run);
        else Assert.Equal("the disk is full", Assert.Throws<MediaException>(run).Message);
        Assert.Equal(0, left);
    }
}
